package deflate

import (
	"errors"
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	const ok = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for _, tc := range []struct {
		name, offers, response string
		window                 int
		err                    error
	}{
		{"plain", "permessage-deflate", ok, 32768, nil},
		{"browsers and ws", "permessage-deflate; client_max_window_bits", ok, 32768, nil},
		{"ws with options", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9",
			ok + "; server_max_window_bits=10", 1024, nil},
		{"window fallbacks", "permessage-deflate; server_max_window_bits=8, permessage-deflate", ok + "; server_max_window_bits=8", 256, nil},
		{"largest window named", "permessage-deflate;server_max_window_bits=15", ok + "; server_max_window_bits=15", 32768, nil},
		{"no blanks", "permessage-deflate;client_max_window_bits=15,x", ok, 32768, nil},
		{"tabs, empty elements", " ,\tpermessage-deflate\t;\tclient_max_window_bits\t=\t12\t,, ", ok, 32768, nil},
		{"quoted", `permessage-deflate; server_max_window_bits="12"; client_max_window_bits="1\0"`, ok + "; server_max_window_bits=12", 4096, nil},
		{"second offer", "permessage-deflate; mode=9, permessage-deflate; server_max_window_bits=9", ok + "; server_max_window_bits=9", 512, nil},
		{"after others", `x-webkit-deflate-frame; a="b", bbf-usp-protocol, permessage-deflate`, ok, 32768, nil},
		{"nothing", "", "", 32768, nil},
		{"blank", " , ,", "", 32768, nil},
		{"others only", "x-webkit-deflate-frame; no_context_takeover", "", 32768, nil},
		{"other case", "Permessage-Deflate", "", 32768, nil},

		{"unknown parameter", "permessage-deflate; foo", "", 32768, nil},
		{"duplicate flag", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "", 32768, nil},
		{"duplicate window", "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", "", 32768, nil},
		{"duplicate client window", "permessage-deflate; client_max_window_bits; client_max_window_bits=9", "", 32768, nil},
		{"flag with value", "permessage-deflate; client_no_context_takeover=1", "", 32768, nil},
		{"server flag with value", "permessage-deflate; server_no_context_takeover=true", "", 32768, nil},
		{"server window without value", "permessage-deflate; server_max_window_bits", "", 32768, nil},
		{"window 7", "permessage-deflate; server_max_window_bits=7", "", 32768, nil},
		{"window 16", "permessage-deflate; client_max_window_bits=16", "", 32768, nil},
		{"window 08", "permessage-deflate; server_max_window_bits=08", "", 32768, nil},
		{"window +9", "permessage-deflate; server_max_window_bits=+9", "", 32768, nil},
		{"window 1.", "permessage-deflate; server_max_window_bits=1.", "", 32768, nil},
		{"window 100", "permessage-deflate; server_max_window_bits=100", "", 32768, nil},

		{"malformed: no name", "; a", "", 32768, ErrOffers},
		{"malformed: no parameter", "permessage-deflate;", "", 32768, ErrOffers},
		{"malformed: no value", "permessage-deflate; client_max_window_bits=", "", 32768, ErrOffers},
		{"malformed: no parameter name", "permessage-deflate; =9", "", 32768, ErrOffers},
		{"malformed: two names", "permessage-deflate foo", "", 32768, ErrOffers},
		{"malformed: character", "permessage-deflate@", "", 32768, ErrOffers},
		{"malformed: beyond ASCII", "permessage-deflate; \xff", "", 32768, ErrOffers},
		{"malformed: later offer", "permessage-deflate, a;;b", "", 32768, ErrOffers},
		{"malformed: quote", `permessage-deflate; a="9`, "", 32768, ErrOffers},
		{"malformed: escape at the end", `permessage-deflate; a="9\`, "", 32768, ErrOffers},
		{"malformed: empty quotes", `permessage-deflate; a=""`, "", 32768, ErrOffers},
		{"malformed: no token in quotes", `permessage-deflate; a="b c"`, "", 32768, ErrOffers},
		{"malformed: after quotes", `permessage-deflate; a="b"c`, "", 32768, ErrOffers},
	} {
		t.Run(tc.name, func(t *testing.T) {
			response, p, err := Negotiate([]byte(tc.offers))
			if response != tc.response || p.Window() != tc.window || !errors.Is(err, tc.err) {
				t.Errorf("%q, %d, %v; want %q, %d, %v", response, p.Window(), err, tc.response, tc.window, tc.err)
			}
		})
	}
}

func TestNegotiateAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	offers := []byte("permessage-deflate; client_max_window_bits")
	if n := testing.AllocsPerRun(100, func() { _, _, _ = Negotiate(offers) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, seed := range []string{
		"permessage-deflate; client_max_window_bits",
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9",
		`a; b="\c", permessage-deflate; server_max_window_bits="8"`, "permessage-deflate;;", ",;=\"\\",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, offers string) {
		b := []byte(offers)
		response, p, err := Negotiate(b)
		if string(b) != offers {
			t.Fatal("the offers were changed")
		}
		if err != nil && (err != ErrOffers || response != "") {
			t.Fatalf("%q, %v", response, err)
		}
		if response == "" {
			if p != (Params{}) {
				t.Fatalf("nothing accepted, but a window of %d", p.Window())
			}
			return
		}
		if !strings.Contains(offers, extension) {
			t.Fatalf("%q was not offered", response)
		}
		// An answer is an acceptable offer, and means the same as one.
		if again, q, err := Negotiate([]byte(response)); again != response || q != p || err != nil {
			t.Fatalf("%q read as an offer: %q, %v", response, again, err)
		}
		if w := p.Window(); w < 256 || w > 32768 {
			t.Fatalf("a window of %d", w)
		}
	})
}
