"""HTML, XML, and what holds them: e-books and mail."""
