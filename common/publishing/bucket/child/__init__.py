"""The process that uploads: it alone has the SDK, and lives while there is something to do."""
