"""Mail, mailboxes and calendars: the functions `(data, *, source) -> Document` that read them."""
