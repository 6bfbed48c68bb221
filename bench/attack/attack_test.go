//go:build linux

package attack_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/bench/attack"
	"github.com/sioserver/sioserver/bench/benchtest"
	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// patience is how long a test waits for what must come; only failures take it.
const patience = wait.Patience

// directory has the nodes that an attack brings.
type directory struct {
	mu    sync.Mutex
	addrs []string
}

func (d *directory) set(addrs ...string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.addrs = addrs
	return nil
}

func (d *directory) Node() uint32 { return 1 }

func (d *directory) Lookup(_ context.Context, node uint32) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i := int(node) - 2; i >= 0 && i < len(d.addrs) {
		return d.addrs[i], true
	}
	return "", false
}

// target serves everything that the attacks need: a server of the feature's
// kind.
func target(t *testing.T, feature string) attack.Target {
	var nodes directory
	if feature == attack.Cluster {
		return attack.Target{Redis: startRedis(t)}
	}
	cfg := sio.Config{NoClient: true, AllowEIO3: feature == "eio3"}
	switch feature {
	case "deflate":
		cfg.PerMessageDeflate = &eio.PerMessageDeflate{}
	case "forward":
		cfg.Forwarding = &eio.Forwarding{Directory: &nodes}
	}
	srv, err := sio.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	srv.OfPattern(regexp.MustCompile("^/dynamic-"))
	register(srv)
	if feature == "msgpack" {
		packed, err := sio.New(sio.Config{NoClient: true, Path: "/msgpack/", Parser: sio.MessagePack()})
		if err != nil {
			t.Fatal(err)
		}
		register(packed)
		if err := srv.Attach(packed); err != nil {
			t.Fatal(err)
		}
	}
	if feature != "nethttp" && feature != attack.Secure {
		if err := srv.Listen("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		return attack.Target{Addr: srv.Addr().String(), SetNodes: nodes.set}
	}
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	outer := httptest.NewUnstartedServer(handler)
	outer.EnableHTTP2 = true
	outer.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail
	if feature == attack.Secure {
		outer.StartTLS()
	} else {
		outer.Start()
	}
	t.Cleanup(outer.Close)
	addr := outer.Listener.Addr().String()
	return attack.Target{Addr: addr, Secure: addr}
}

// register registers the events that attacks send.
func register(srv *sio.Server) {
	sio.OnAck(srv, "echo", func(_ context.Context, _ *sio.Socket, text string) (string, error) { return text, nil })
	sio.OnAck(srv, "join", func(_ context.Context, s *sio.Socket, room string) (sio.None, error) {
		s.Join(room)
		return sio.None{}, nil
	})
	sio.On(srv, "room", func(_ context.Context, _ *sio.Socket, to sio.Args2[string, string]) error {
		return srv.To(to.A).Emit("message", to.B)
	})
	blocks := func(ctx context.Context, s *sio.Socket, _ sio.RawArgs) error {
		err := s.Emit("started")
		<-ctx.Done()
		return err
	}
	sio.On(srv, "block", blocks)
	sio.On(srv, "ignore", blocks)
}

// startRedis starts a Redis and returns its address.
func startRedis(t *testing.T) string {
	benchtest.NeedRedis(t)
	cores, err := measure.Cores()
	if err != nil {
		t.Fatal(err)
	}
	redis, err := peer.StartRedis(cores)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Stop)
	return redis.Addr.String()
}

// reached is what each attack has counted when the server has got what it is
// made of.
var reached = map[string]map[string]float64{
	"fragments":      {"connections": 1, "fragments": 1000},
	"unfinished":     {"connections": 3, "bytes": 3_000_000},
	"namespaces":     {"namespaces": 64, "abandoned": 128},
	"sessions":       {"sessions": 64},
	"unread-polls":   {"unread": 1},
	"closed":         {"connections": 1, "bytes": 1},
	"closed-deflate": {"connections": 1, "bytes": 1},
	"descriptors":    {"exhausted": 1, "joined": 1},
	"blocked":        {"events": 1024},
	"departed":       {"departed": 1, "events": 1000},
	"stalled":        {"stalled": 1, "broadcasts": 2},
	"pipelined":      {"connections": 3, "bytes": 1000},
	"connects":       {"connects": 64, "strange": 7, "broken": 2, "kept": 2},
	"arguments":      {"events": 8},
	"eio3":           {"payloads": 18, "bytes": 100_000},
	"msgpack":        {"messages": 30},

	"tls-handshakes":  {"handshakes": 1, "half": 1},
	"tls-slow":        {"bytes": 100},
	"tls-renegotiate": {"renegotiations": 1, "refused": 1},
	"h2-reset":        {"resets": 64},
	"h2-streams":      {"streams": 250, "answers": 100},
	"h2-bodies":       {"bodies": 250},
	"h2-frames":       {"frames": 1000},
	"forwarding":      {"asked": 24, "requests": 12, "tunnels": 12},
	"redis":           {"commands": 16},
}

func TestEveryAttackReachesAServer(t *testing.T) {
	for _, a := range attack.All() {
		t.Run(a.Name, func(t *testing.T) {
			want := reached[a.Name]
			if want == nil {
				t.Fatal("this test does not know what the attack counts")
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			to := target(t, a.Needs)
			to.Exhaust = func(time.Duration) error { return nil }
			f := attack.Begin(ctx, patience, a, to)
			defer func() {
				cancel()
				f.Leave()
			}()
			for {
				counts, all := f.Outcome().Counts, true
				for name, least := range want {
					all = all && counts[name] >= least
				}
				if all {
					return
				}
				select {
				case <-f.Done():
					t.Fatalf("counted %v, want at least %v", counts, want)
				case <-time.After(time.Millisecond):
				}
			}
		})
	}
}

// On a busy machine the time of a short attack may be over before a server has
// taken its first bytes.
func TestAnAttackGoesOnUntilItHasDoneSomething(t *testing.T) {
	const short = time.Second // at which nothing has been done is a fault
	server := target(t, "")
	late, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	a, err := attack.Find("fragments")
	if err != nil {
		t.Fatal(err)
	}
	to := server
	to.Addr = late.Addr().String()
	f := attack.Begin(t.Context(), short, a, to)
	time.AfterFunc(short+500*time.Millisecond, func() {
		for {
			c, err := late.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp4", server.Addr)
			if err != nil {
				c.Close()
				return
			}
			go relay(s, c)
			go relay(c, s)
		}
	})
	defer f.Leave()
	<-f.Done()
	if o := f.Outcome(); o.Counts["fragments"] == 0 || o.Lasted < short {
		t.Errorf("in %s it has counted %v", o.Lasted, o.Counts)
	}
}

func relay(to, from net.Conn) {
	defer to.Close()
	_, _ = io.Copy(to, from)
}

// A server that is not there is no reason for an attack to spin, or not to end.
func TestAnAttackOnNothingEnds(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	for _, a := range attack.All() {
		ctx, cancel := context.WithCancel(t.Context())
		f := attack.Begin(ctx, patience, a, attack.Target{
			Addr: addr, Secure: addr, Redis: addr,
			Exhaust: func(time.Duration) error { return nil }, SetNodes: func(...string) error { return nil },
		})
		for f.Outcome().Counts["cut"] == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		f.Leave()
		if o := f.Outcome(); o.Counts["connections"] > 0 {
			t.Errorf("%s: counted %v", a.Name, o.Counts)
		}
	}
}

func TestJudge(t *testing.T) {
	minute, some := time.Minute, map[string]float64{"some": 1}
	for _, tc := range []struct {
		name    string
		outcome attack.Outcome
		want    string // "" for nothing wrong
	}{
		{"unread-polls", attack.Outcome{Lasted: minute, Held: 50, Counts: some}, "50 of 50 connections that read no answer are still held after 60 s"},
		{"unread-polls", attack.Outcome{Lasted: time.Second, Held: 50, Counts: some}, ""},
		{"unread-polls", attack.Outcome{Lasted: minute, Held: 3, Counts: some}, ""},
		{"closed", attack.Outcome{Lasted: minute, Counts: map[string]float64{"longest_s": 30}}, "could send for 30 s after the server's close frame"},
		{"closed-deflate", attack.Outcome{Lasted: minute, Counts: map[string]float64{"longest_s": 5}}, ""},
		{"closed", attack.Outcome{Lasted: minute, Counts: map[string]float64{"connections": 7, "cut": 7, "failed": 1}}, "the attack closed has done nothing in 60 s"},
		{"closed", attack.Outcome{Lasted: minute}, "has done nothing"},
		{"closed", attack.Outcome{Lasted: time.Millisecond}, ""},
		{"sessions", attack.Outcome{Lasted: minute, Held: 50, Counts: some}, ""},
		{"tls-renegotiate", attack.Outcome{Counts: map[string]float64{"renegotiations": 100, "refused": 90}}, "10 of 100 requests for another handshake were not refused"},
		{"tls-renegotiate", attack.Outcome{Counts: map[string]float64{"renegotiations": 100, "refused": 95}}, ""},
	} {
		a, err := attack.Find(tc.name)
		if err != nil {
			t.Fatal(err)
		}
		switch err := a.Judge(tc.outcome); {
		case tc.want == "" && err != nil:
			t.Errorf("%s, %+v: %v", tc.name, tc.outcome, err)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s, %+v: %v, want %q", tc.name, tc.outcome, err, tc.want)
		}
	}
	if _, err := attack.Find("smoke"); err == nil {
		t.Error("an unknown attack is found")
	}
}
