"""Reading and writing by the vendor's bulk jobs. README: Bulk read, Bulk write."""
