package eio

import "testing"

func TestSaysEncrypted(t *testing.T) {
	for _, c := range []struct {
		proto, forwarded string
		want             bool
	}{
		{"", "", false},
		{"https", "", true},
		{"HTTPS", "", true},
		{"wss", "", true},
		{"http", "", false},
		{"https, http", "", false}, // the last is the trusted proxy's
		{"http,https", "", true},
		{"httpsx", "", false},
		{"", "proto=https", true},
		{"", `for="[::1]:80";proto=https;by=a`, true},
		{"", `for=1.2.3.4; Proto="https" `, true},
		{"", "proto=http", false},
		{"", "for=1.2.3.4", false},
		{"", "proto=https, proto=http", false},
		{"", "proto=https, for=1.2.3.4", false},
		{"", `for="a, proto=http", proto=https`, true},
		{"", `proto=https;for=", for=1.2.3.4;proto=http`, false}, // swallows what was added
		{"", `proto=https;for="\", for="1";proto=http`, false},
		{"https", "proto=http", false}, // one of them is the client's
		{"http", "proto=https", false},
		{"https", "proto=https", true},
	} {
		if got := saysEncrypted(c.proto, c.forwarded); got != c.want {
			t.Errorf("%q and %q: %v", c.proto, c.forwarded, got)
		}
	}
}
