"""What the student tasks' shared templates name with ``!function``; see docs/student-tasks.md."""
