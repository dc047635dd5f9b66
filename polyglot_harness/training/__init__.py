"""Data into students. The only room that imports trl and peft (in `sft`)."""
