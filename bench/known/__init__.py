"""Tasks with a known answer: regression through the learners as they are, with numbers where texts would stand."""
