"""Calls to addresses that strangers name: public ones, checked at the moment of connecting."""
