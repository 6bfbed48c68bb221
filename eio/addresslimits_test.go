package eio_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

// limited is a server with limits for each address, on a manual clock.
type limited struct {
	loops   *looptest.Loops
	refused []string // names of limits
	*eio.Server
	up *echo
}

func newLimited(t *testing.T, cfg eio.Config) *limited {
	t.Helper()
	l := &limited{loops: looptest.New(t)}
	cfg.Logger = slog.New(slog.DiscardHandler)
	cfg.OnConnectionError = func(e *eio.ConnectionError) { l.refused = append(l.refused, e.Context.Name) }
	l.up = &echo{opened: make(chan *eio.Session, 1000), closed: make(chan closing, 1000)}
	var err error
	if l.Server, err = eio.NewServer(cfg, l.up); err != nil {
		t.Fatal(err)
	}
	return l
}

// from sends a request from an address, on a connection of its own, and returns
// the answer.
func (l *limited) from(addr, request string) (answer string, c *looptest.Conn) {
	accept := func(c *loop.Conn) loop.Handler { return l.Accept(c) }
	c = l.loops.ConnectFrom(0, netip.AddrPortFrom(netip.MustParseAddr(addr), 1), accept)
	c.Feed([]byte(request))
	for answer == "" {
		l.loops.Run()
		answer = string(c.Sent())
	}
	return answer, c
}

const pollOpen = "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n"

// status returns the status of the answer to a request.
func (l *limited) status(addr, request string) string {
	answer, _ := l.from(addr, request)
	return answer[len("HTTP/1.1 "):][:3]
}

func TestAddressHandshakes(t *testing.T) {
	l := newLimited(t, eio.Config{AddressLimits: &eio.AddressLimits{
		Handshakes: eio.Rate{PerSecond: 0.5, Burst: 3},
		Exempt:     []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")},
	}})
	for i := range 3 {
		if got := l.status("192.0.2.1", pollOpen); got != "200" {
			t.Errorf("handshake %d: %s", i, got)
		}
	}
	answer, _ := l.from("192.0.2.1", pollOpen)
	for _, want := range []string{"HTTP/1.1 429 Too Many Requests\r\n", "\r\nRetry-After: 2\r\n", `{"code":3,"message":"Too many requests"}`} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer lacks %q: %s", want, answer)
		}
	}
	answer, _ = l.from("192.0.2.1", eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket"))
	if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || !strings.HasSuffix(answer, "\r\n\r\nToo many requests") {
		t.Errorf("an upgrade: %s", answer)
	}
	for _, other := range []string{"192.0.2.2", "2001:db8::1", "198.51.100.1", "198.51.100.1", "198.51.100.1", "198.51.100.1"} {
		if got := l.status(other, pollOpen); got != "200" {
			t.Errorf("from %s: %s", other, got)
		}
	}
	l.loops.Advance(2100 * time.Millisecond)
	for i, want := range []string{"200", "429"} {
		if got := l.status("192.0.2.1", pollOpen); got != want {
			t.Errorf("after the wait, handshake %d: %s", i, got)
		}
	}
	if st := l.AddressStats(); st.TooManyHandshakes != 3 || fmt.Sprint(l.refused) != "[TOO_MANY_HANDSHAKES TOO_MANY_HANDSHAKES TOO_MANY_HANDSHAKES]" {
		t.Errorf("%+v, %v", st, l.refused)
	}
}

// TestAddressHandshakesOfOneSession: requests of a session are not handshakes.
func TestAddressHandshakesOfOneSession(t *testing.T) {
	l := newLimited(t, eio.Config{AddressLimits: &eio.AddressLimits{Handshakes: eio.Rate{PerSecond: 0.001, Burst: 1}}})
	answer, c := l.from("192.0.2.1", pollOpen)
	_, rest, _ := strings.Cut(answer, `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	for range 5 {
		c.Feed([]byte("POST /engine.io/?EIO=4&transport=polling&sid=" + sid + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n4x"))
		l.loops.Run()
		if got := string(c.Sent()); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Fatalf("%q", got)
		}
	}
}

func TestAddressSessions(t *testing.T) {
	l := newLimited(t, eio.Config{AddressLimits: &eio.AddressLimits{Sessions: 2, IPv6Bits: 56}})
	upgrade := eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket")
	_, first := l.from("2001:db8:0:1::1", upgrade)
	if got := l.status("2001:db8:0:2::1", pollOpen); got != "200" {
		t.Errorf("the second: %s", got)
	}
	for range 2 {
		if answer, _ := l.from("2001:db8:0:ff::1", pollOpen); !strings.Contains(answer, "429") || !strings.Contains(answer, "Retry-After: 5\r\n") {
			t.Errorf("the third: %s", answer)
		}
	}
	if got := l.status("2001:db8:0:100::1", pollOpen); got != "200" {
		t.Errorf("another subscriber: %s", got)
	}
	first.PeerClose()
	l.loops.Run()
	if got := l.status("2001:db8:0:3::1", pollOpen); got != "200" {
		t.Errorf("after the end of one: %s", got)
	}
	if st := l.AddressStats(); st.TooManySessions != 2 || st.Addresses != 2 {
		t.Errorf("%+v", st)
	}
	l.loops.Advance(time.Hour) // all time out
	if st := l.AddressStats(); st.Addresses != 0 || l.ClientsCount() != 0 {
		t.Errorf("%d clients, %+v", l.ClientsCount(), st)
	}
}

// TestAddressFailures: refusals that are the peer's own doing count, and then
// AllowRequest is not asked any more.
func TestAddressFailures(t *testing.T) {
	asked := 0
	cfg := eio.Config{
		AllowRequest: func(r *http.Request) error {
			if asked++; r.Header.Get("Token") == "" {
				return errors.New("no token")
			}
			return nil
		},
		AddressLimits: &eio.AddressLimits{Failures: eio.Rate{PerSecond: 1, Burst: 4}},
	}
	l := newLimited(t, cfg)
	good := strings.Replace(pollOpen, "Host:", "Token: x\r\nHost:", 1)
	const guesser, honest = "192.0.2.1", "192.0.2.2"
	for i, request := range []string{
		pollOpen,
		strings.Replace(pollOpen, "polling", "carrier", 1),
		strings.Replace(pollOpen, "EIO=4", "EIO=3", 1),
		strings.Replace(pollOpen, "EIO=4", "EIO=3", 1),
		good, // another address with it may be behind the same proxy
	} {
		want := "429"
		switch i {
		case 0:
			want = "403"
		case 1:
			want = "400"
		case 2, 3:
			want = "403"
		}
		if got := l.status(guesser, request); got != want {
			t.Errorf("request %d: %s; want %s", i, got, want)
		}
	}
	before := asked
	for range 3 {
		if got := l.status(guesser, pollOpen); got != "429" {
			t.Errorf("a guess: %s", got)
		}
	}
	if asked != before {
		t.Error("AllowRequest was asked")
	}
	for range 20 {
		if got := l.status(honest, good); got != "200" {
			t.Errorf("an honest client: %s", got)
		}
	}
	l.loops.Advance(1100 * time.Millisecond)
	for i, want := range []string{"200", "403", "429"} {
		request := pollOpen
		if want == "200" {
			request = good
		}
		if got := l.status(guesser, request); got != want {
			t.Errorf("after the wait, request %d: %s; want %s", i, got, want)
		}
	}
	if st := l.AddressStats(); st.Failures != 5 || st.TooManyFailures != 5 {
		t.Errorf("%+v", st)
	}
}

// TestAddressesHaveATotal: many addresses do not make the table grow without
// bound, and none of them is refused because of the others.
func TestAddressesHaveATotal(t *testing.T) {
	l := newLimited(t, eio.Config{
		AllowRequest:  func(*http.Request) error { return eio.ErrForbidden },
		AddressLimits: &eio.AddressLimits{Handshakes: eio.Rate{PerSecond: 0.001, Burst: 1}, MaxAddresses: 64},
	})
	for i := range 500 {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).String()
		if got := l.status(addr, pollOpen); got != "403" {
			t.Fatalf("address %d: %s", i, got)
		}
	}
	if st := l.AddressStats(); st.Addresses > 64 || st.Forgotten < 400 {
		t.Errorf("%+v", st)
	}
}

func TestAddressLimitsAreChecked(t *testing.T) {
	for want, limits := range map[string]eio.AddressLimits{
		"Handshakes.PerSecond is -1": {Handshakes: eio.Rate{PerSecond: -1}},
		"Failures.Burst is -1":       {Failures: eio.Rate{PerSecond: 1, Burst: -1}},
		"Sessions is -1":             {Sessions: -1},
		"IPv4Bits is 33":             {IPv4Bits: 33},
		"IPv6Bits is 129":            {IPv6Bits: 129},
		"MaxAddresses is -5":         {MaxAddresses: -5},
		"Exempt has invalid Prefix":  {Exempt: make([]netip.Prefix, 1)},
	} {
		_, err := eio.NewServer(eio.Config{AddressLimits: &limits}, new(echo))
		if err == nil || !strings.Contains(err.Error(), "eio: Config.AddressLimits."+want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
