"""Meta-test, measures, intervals and paired tests, and the report that shows them."""
