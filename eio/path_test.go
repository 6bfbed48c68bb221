package eio

import "testing"

func TestOriginForm(t *testing.T) {
	for target, want := range map[string]string{
		"/a?b":                     "/a?b",
		"http://example.com/a?b/c": "/a?b/c",
		"HTTPS://[::1]:80/a":       "/a",
		"http://example.com":       "/",
		"http://example.com?b/c":   "/?b/c",
		"/a://b/c":                 "/a://b/c",
		"*":                        "*",
	} {
		if got := originForm(target); got != want {
			t.Errorf("originForm(%q) = %q, want %q", target, got, want)
		}
	}
}
