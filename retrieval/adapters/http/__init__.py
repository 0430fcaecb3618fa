"""The index over HTTP: `retrieve serve`. Needs the extra `server`."""
