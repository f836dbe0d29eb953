//! What is in a text: mIRC formatting, code, addresses.
