"""The API process: from the door to the routes, and what runs beside them."""
