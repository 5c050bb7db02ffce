"""What will become of every open task, and when: one answer, which every screen words."""
