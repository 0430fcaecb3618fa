"""The index behind other people's interfaces: each adapter only translates."""
