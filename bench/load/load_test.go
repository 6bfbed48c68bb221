//go:build linux

package load_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/bench/load"
)

// recorder keeps what a generator tells.
type recorder struct {
	t        *testing.T
	g        *load.Generator
	opened   int
	packets  map[int][]string // by Client.Index
	closed   []string
	onOpened func(c *load.Client)
}

func (r *recorder) Opened(c *load.Client) {
	r.opened++
	if r.onOpened != nil {
		r.onOpened(c)
	}
}

func (r *recorder) Packet(c *load.Client, packet []byte) {
	r.packets[c.Index] = append(r.packets[c.Index], string(packet))
}

func (r *recorder) Attachment(c *load.Client, data []byte) {
	r.packets[c.Index] = append(r.packets[c.Index], fmt.Sprintf("%x", data))
}

func (r *recorder) Closed(_ *load.Client, err error) { r.closed = append(r.closed, err.Error()) }

func newRecorder(t *testing.T, addrs ...netip.AddrPort) *recorder {
	r := &recorder{t: t, packets: map[int][]string{}}
	var err error
	if r.g, err = load.New(load.Config{Addrs: addrs, Events: r}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.g.Close() })
	return r
}

func (r *recorder) dial(index int, transport load.Transport) *load.Client {
	c, err := r.g.Dial(transport, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	c.Index = index
	return c
}

// until polls until done, or fails the test.
func (r *recorder) until(what string, done func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !done(); {
		if err := r.g.Poll(10 * time.Millisecond); err != nil {
			r.t.Fatal(err)
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("no %s; closed: %q", what, r.closed)
		}
	}
}

var transports = map[string]load.Transport{"websocket": load.WebSocket, "polling": load.Polling, "upgrade": load.Upgrade}

func TestPacketsComeBackInOrder(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			server, addr := newMiniServer(t, "4first", "2")
			r := newRecorder(t, addr)
			var want []string
			for size := range 40 {
				want = append(want, fmt.Sprintf("m%d%s", size, strings.Repeat("y", size*size)))
			}
			want = append(want, strings.Repeat("z", 70_000))
			r.onOpened = func(c *load.Client) {
				for _, packet := range want {
					c.Send([]byte(packet))
				}
			}
			const clients = 3
			for i := range clients {
				r.dial(i, transport)
			}
			r.until("answers", func() bool {
				for i := range clients {
					if len(r.packets[i]) != 1+len(want) {
						return false
					}
				}
				return true
			})
			for i := range clients {
				if !slices.Equal(r.packets[i], append([]string{"first"}, want...)) {
					t.Errorf("client %d got other packets than it sent", i)
				}
			}
			if r.opened != clients || r.g.Len() != clients || len(r.closed) != 0 {
				t.Errorf("%d opened, %d there, closed: %q", r.opened, r.g.Len(), r.closed)
			}
			r.until("answered heartbeats", func() bool {
				server.mu.Lock()
				defer server.mu.Unlock()
				return server.pongs == clients
			})
			if r.g.Pings != clients {
				t.Errorf("%d heartbeats, want %d", r.g.Pings, clients)
			}
			seen := server.seen()
			if name == "websocket" && seen != "GET:websocket GET:websocket GET:websocket" {
				t.Errorf("requests: %s", seen)
			}
			if name == "polling" && strings.Contains(seen, "websocket") {
				t.Errorf("requests: %s", seen)
			}
			if name == "upgrade" && (!strings.HasPrefix(seen, "GET:polling") || strings.Count(seen, "websocket") != clients) {
				t.Errorf("requests: %s", seen)
			}
		})
	}
}

func TestBinaryComesBack(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			_, addr := newMiniServer(t)
			r := newRecorder(t, addr)
			data := bytes.Repeat([]byte{0, 1, 0xff, 0x1e}, 50)
			r.onOpened = func(c *load.Client) { c.SendBinary([]byte("51-7[]"), data) }
			r.dial(0, transport)
			r.until("attachment", func() bool { return len(r.packets[0]) == 2 })
			if want := []string{"51-7[]", fmt.Sprintf("%x", data)}; !slices.Equal(r.packets[0], want) {
				t.Errorf("got %q, want %q", r.packets[0], want)
			}
		})
	}
}

// A client that comes back gets what it has missed before it is connected.
func TestAClientThatComesBack(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			_, addr := newMiniServer(t)
			r := newRecorder(t, addr)
			c, err := r.g.DialWith(transport, 0, []byte(`{"pid":"p"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.until("open client", func() bool { return r.opened == 1 })
			if want := []string{`2missed {"pid":"p"}`}; !slices.Equal(r.packets[0], want) || string(c.Answer) != `{"sid":"x"}` {
				t.Errorf("got %q and the answer %q", r.packets[0], c.Answer)
			}
		})
	}
}

func TestAPausedClientReadsLater(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			_, addr := newMiniServer(t)
			r := newRecorder(t, addr)
			paused, other := r.dial(0, transport), r.dial(1, load.WebSocket)
			r.until("open clients", func() bool { return r.opened == 2 })
			paused.Pause()
			paused.Send([]byte("2first"))
			for i := range 20 { // the paused client's echo has come before the other's last
				other.Send([]byte("2other"))
				r.until("echo", func() bool { return len(r.packets[1]) == i+1 })
			}
			if len(r.packets[0]) > 0 {
				t.Errorf("got %q while it was paused", r.packets[0])
			}
			paused.Resume()
			r.until("echo of the paused client", func() bool { return len(r.packets[0]) == 1 })
		})
	}
}

func TestIdleClientsHoldNoSocketTooMany(t *testing.T) {
	_, addr := newMiniServer(t)
	r := newRecorder(t, addr)
	before := openFiles(t)
	clients := []*load.Client{r.dial(0, load.Upgrade), r.dial(1, load.WebSocket)}
	r.until("open clients", func() bool { return r.opened == 2 })
	// Each end of both connections is in this process.
	for deadline := time.Now().Add(5 * time.Second); openFiles(t) > before+4; {
		if time.Now().After(deadline) {
			t.Fatalf("%d files open, %d before the two clients", openFiles(t), before)
		}
	}
	for _, c := range clients {
		c.Close()
		c.Close()
		c.Send([]byte("to nobody"))
	}
	if r.g.Len() != 0 || len(r.closed) != 0 {
		t.Errorf("%d clients left, closed: %q", r.g.Len(), r.closed)
	}
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// raw is a server that answers every connection's first request with fixed
// bytes, given one by one when slow is set.
func raw(t *testing.T, answer string, slow bool) netip.AddrPort {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := bufio.NewReader(conn).ReadSlice('\n'); err != nil {
					return
				}
				b := []byte(answer)
				for len(b) > 0 {
					n := len(b)
					if slow {
						n = 1
					}
					if _, err := conn.Write(b[:n]); err != nil {
						return
					}
					b = b[n:]
				}
				_, _ = conn.Read(make([]byte, 1<<10))
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

const switching = "HTTP/1.1 101 Switching Protocols\r\n\r\n"

func TestSplitInputMeansTheSame(t *testing.T) {
	answer := switching + string(frame(`0{"sid":"x"}`)) + string(frame(`40{"sid":"y"}`)) + string(frame("4"+strings.Repeat("w", 300)))
	for _, slow := range []bool{false, true} {
		r := newRecorder(t, raw(t, answer, slow))
		r.dial(0, load.WebSocket)
		r.until("the packet", func() bool { return len(r.packets[0]) == 1 })
		if r.packets[0][0] != strings.Repeat("w", 300) {
			t.Errorf("slow %v: %q", slow, r.packets[0])
		}
	}
}

func TestFailuresAreNamed(t *testing.T) {
	open := switching + string(frame(`0{"sid":"x"}`))
	for _, tc := range []struct {
		name      string
		transport load.Transport
		answer    string
		want      string
	}{
		{"refused upgrade", load.WebSocket, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull", `status 503 "full"`},
		{"refused poll", load.Polling, "HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\nno", `status 400 "no"`},
		{"no HTTP", load.Polling, "220 smtp.example\r\n\r\n", "malformed"},
		{"bad length", load.Polling, "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n", "malformed"},
		{"bad chunk", load.Polling, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "chunk size"},
		{"no sid", load.Polling, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n0{}", "without a session id"},
		{"refused namespace", load.WebSocket, open + string(frame(`44{"message":"no"}`)), "did not connect the namespace"},
		{"unknown packet", load.WebSocket, open + string(frame("9")), "unexpected Engine.IO packet"},
		{"empty packet", load.WebSocket, open + string(frame("")), "empty Engine.IO packet"},
		{"stray pong", load.WebSocket, open + string(frame("3probe")), "unexpected pong"},
		{"server closes", load.WebSocket, open + string(frame("1")), "the server closed"},
		{"WebSocket close", load.WebSocket, open + "\x88\x00", "the server closed"},
		{"masked", load.WebSocket, open + "\x81\x81abcdx", "masked"},
		{"fragmented", load.WebSocket, open + "\x01\x01x", "fragmented"},
		{"binary", load.WebSocket, open + "\x82\x01x", "binary"},
		{"reserved", load.WebSocket, open + "\x8b\x00", "unexpected frame"},
		{"huge", load.WebSocket, open + "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", "a frame of"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRecorder(t, raw(t, tc.answer, false))
			r.dial(0, tc.transport)
			r.until("failure", func() bool { return len(r.closed) > 0 })
			if len(r.closed) != 1 || !strings.Contains(r.closed[0], tc.want) {
				t.Errorf("closed: %q, want %q", r.closed, tc.want)
			}
			if r.g.Len() != 0 {
				t.Error("the client is still there")
			}
		})
	}
}

func TestClientsReachTheServerTheyDial(t *testing.T) {
	for name, transport := range transports {
		t.Run(name, func(t *testing.T) {
			_, first := newMiniServer(t, "4first")
			_, second := newMiniServer(t, "4second")
			r := newRecorder(t, first, second)
			for index := range 4 {
				c, err := r.g.Dial(transport, index%2)
				if err != nil {
					t.Fatal(err)
				}
				c.Index = index
			}
			r.until("greetings", func() bool { return len(r.packets) == 4 })
			for index, packets := range r.packets {
				if want := []string{"first", "second"}[index%2]; !slices.Equal(packets, []string{want}) {
					t.Errorf("client %d got %q, want %q", index, packets, want)
				}
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(l.Addr().String())
	l.Close()
	r := newRecorder(t, addr)
	r.dial(0, load.WebSocket)
	r.until("failure", func() bool { return len(r.closed) > 0 })
	if !strings.Contains(r.closed[0], "refused") {
		t.Errorf("closed: %q", r.closed)
	}
}

func TestOnlyLoopbackIsLoaded(t *testing.T) {
	for _, addr := range []string{"192.0.2.1:80", "[::1]:80"} {
		if _, err := load.New(load.Config{Addrs: []netip.AddrPort{netip.MustParseAddrPort(addr)}}); err == nil {
			t.Errorf("%s is accepted", addr)
		}
	}
}

func TestWebSocketPingIsAnswered(t *testing.T) {
	answered := make(chan []byte, 1)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 1<<10))
		_, _ = conn.Write([]byte(switching + "\x89\x02hi\x8a\x00"))
		b := make([]byte, 64)
		n, _ := conn.Read(b)
		answered <- b[:n]
	}()
	r := newRecorder(t, netip.MustParseAddrPort(l.Addr().String()))
	r.dial(0, load.WebSocket)
	var got []byte
	r.until("pong", func() bool {
		select {
		case got = <-answered:
			return true
		default:
			return false
		}
	})
	if len(got) != 8 || got[0] != 0x8a || got[1] != 0x82 {
		t.Fatalf("pong frame %x", got)
	}
	for i := range 2 {
		got[6+i] ^= got[2+i]
	}
	if !bytes.Equal(got[6:], []byte("hi")) {
		t.Errorf("pong payload %q", got[6:])
	}
}
