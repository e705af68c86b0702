"""The types and protocols that everything meets at. Imports nothing else of ours."""
