"""The vendor's bulk jobs, stood in for. README: Bulk read, Bulk write."""
