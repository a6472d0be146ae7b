"""The fault harness: the service under attack, and a judge that knows the six laws."""
