package clientbundle

import "testing"

// TestMatch has the targets that belong to the bundle, seen from the server that
// routes by it.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		target, path string
		want         bool
	}{
		{"/socket.io/socket.io.js", "/socket.io/", true},
		{"/socket.io/socket.io.js", "/socket.io", true},
		{"/socket.io/socket.io.js?v=1", "/socket.io/", true},
		{"/socket.io/socket.io.js?", "/socket.io/", true},
		{"/socket.io/socket.io.min.js.map", "/socket.io/", true},
		{"/socket.io/socket.io.esm.min.js", "/socket.io/", true},
		{"/socket.io/socket.io.msgpack.min.js.map", "/socket.io/", true},
		{"/my/socket.io.js", "/my/", true},
		{"/socket.io.js", "/", true},
		{"/socket.io/", "/socket.io/", false},
		{"/socket.io", "/socket.io/", false},
		{"/socket.io/foo.js", "/socket.io/", false},
		{"/socket.io/Socket.io.js", "/socket.io/", false},
		{"/socket.io/socket.io.js.map.map", "/socket.io/", false},
		{"/socket.io/a/socket.io.js", "/socket.io/", false},
		{"/socket.io/socket%2Eio.js", "/socket.io/", false},
		{"/socket.iosocket.io.js", "/socket.io/", false},
		{"/other/socket.io.js", "/socket.io/", false},
		{"/socket.io/?EIO=4&transport=polling", "/socket.io/", false},
		{"", "/socket.io/", false},
	} {
		if got := Match(c.target, c.path); got != c.want {
			t.Errorf("Match(%q, %q) = %v, want %v", c.target, c.path, got, c.want)
		}
	}
}

func TestMatchAllocates(t *testing.T) {
	n := testing.AllocsPerRun(100, func() {
		Match("/socket.io/socket.io.msgpack.min.js.map?v=1", "/socket.io/")
		Match("/socket.io/?EIO=4&transport=polling", "/socket.io/")
	})
	if n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
