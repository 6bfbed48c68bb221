package sio_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// trap ends user code, while it is set, in another way than by returning.
type trap struct {
	set   atomic.Bool
	calls atomic.Int32
	end   func()
}

func (tr *trap) spring() {
	if tr.set.Load() {
		tr.calls.Add(1)
		tr.end()
	}
}

func (tr *trap) handle(context.Context, *sio.Event) error { tr.spring(); return nil }

// trappedError springs when it is asked for its text, trappedValue when it is
// encoded.
type (
	trappedError struct{ *trap }
	trappedValue struct{ *trap }
)

func (e trappedError) Error() string { e.spring(); return "refused" }

func (v trappedValue) MarshalJSON() ([]byte, error) { v.spring(); return []byte("1"), nil }

// trappedParser springs when it parses, or splits an acknowledgement.
type trappedParser struct {
	sio.Parser
	parse, splitAck *trap
}

func (p trappedParser) Parse(b []byte, binary bool) (sio.PacketHeader, error) {
	p.parse.spring()
	return p.Parser.Parse(b, binary)
}

func (p trappedParser) SplitAck(b []byte) ([][]byte, error) {
	p.splitAck.spring()
	return p.Parser.SplitAck(b)
}

// trappedLog springs at each record from a level on, and when it is asked for
// that level.
type trappedLog struct {
	*trap
	least slog.Level
}

func (l trappedLog) Enabled(_ context.Context, level slog.Level) bool {
	if level < l.least {
		return false
	}
	l.spring()
	return true
}
func (l trappedLog) Handle(context.Context, slog.Record) error { l.spring(); return nil }
func (l trappedLog) WithAttrs([]slog.Attr) slog.Handler        { return l }
func (l trappedLog) WithGroup(string) slog.Handler             { return l }

// place is where user code runs.
type place struct {
	inline bool // Goexit costs the connection that sends the event "go"
	cfg    func(tr *trap, cfg *sio.Config)
	setup  func(tr *trap, f *fixture)
	// run makes the trap spring by w, which is in "/", and checks what becomes
	// of w.
	run func(t *testing.T, f *fixture, w *ws)
}

func handler(opts ...sio.HandlerOption) place {
	return place{
		setup: func(tr *trap, f *fixture) {
			f.On("go", tr.handle, opts...)
			f.On("go", func(_ context.Context, e *sio.Event) error { return e.Ack() }, opts...)
		},
		run: func(_ *testing.T, _ *fixture, w *ws) {
			w.send(`421["go"]`) // the second handler runs
			w.want(`431[]`)
			w.alive()
		},
	}
}

func catchAll(opts ...sio.HandlerOption) place {
	return place{
		setup: func(tr *trap, f *fixture) { f.OnAny(tr.handle, opts...) },
		run:   func(_ *testing.T, _ *fixture, w *ws) { w.alive(); w.alive() },
	}
}

func packetMiddleware(opts ...sio.HandlerOption) place {
	return place{
		setup: func(tr *trap, f *fixture) {
			f.UsePacket(func(_ context.Context, e *sio.Event) error {
				if e.Name() == "go" {
					tr.spring()
				}
				return nil
			}, opts...)
			f.On("go", func(_ context.Context, e *sio.Event) error { return e.Socket().Emit("passed") })
		},
		run: func(t *testing.T, f *fixture, w *ws) {
			w.send(`42["go"]`)
			w.alive() // the event is rejected
			wait.For(t, "error", f.errors)
		},
	}
}

func refused(message string, by func(tr *trap) error) place {
	return place{
		setup: func(tr *trap, f *fixture) { f.Of("/m").Use(func(*sio.Socket) error { return by(tr) }) },
		run: func(_ *testing.T, _ *fixture, w *ws) {
			w.send("40/m,")
			w.want(`44/m,{"message":"` + message + `"}`)
			w.alive()
		},
	}
}

func inline(p place) place {
	p.inline = true
	return p
}

var places = map[string]place{
	"handler":                  handler(),
	"inline handler":           inline(handler(sio.Inline())),
	"catch-all":                catchAll(),
	"inline catch-all":         inline(catchAll(sio.Inline())),
	"packet middleware":        packetMiddleware(),
	"inline packet middleware": inline(packetMiddleware(sio.Inline())),
	"middleware":               refused("internal server error", func(tr *trap) error { tr.spring(); return errors.New("not sprung") }),
	"refusal's text":           refused("internal server error", func(tr *trap) error { return trappedError{tr} }),
	"refusal's data": refused("no", func(tr *trap) error {
		return &sio.ConnectError{Message: "no", Data: trappedValue{tr}}
	}),
	"own handler": {
		setup: func(tr *trap, f *fixture) {
			f.OnConnection(func(s *sio.Socket) {
				s.On("go", tr.handle)
				s.On("go", func(_ context.Context, e *sio.Event) error { return e.Ack() })
			})
		},
		run: func(_ *testing.T, _ *fixture, w *ws) {
			w.send(`421["go"]`)
			w.want(`431[]`)
			w.alive()
		},
	},
	"handler's value": {
		inline: true,
		setup: func(tr *trap, f *fixture) {
			f.On("go", func(_ context.Context, e *sio.Event) error { return e.Ack(trappedValue{tr}) }, sio.Inline())
		},
		run: func(_ *testing.T, _ *fixture, w *ws) {
			w.send(`421["go"]`)
			w.alive()
		},
	},
	"connection": {
		setup: func(tr *trap, f *fixture) {
			ns := f.Of("/c")
			ns.OnConnection(func(*sio.Socket) { tr.spring() })
			f.watch("/c")
		},
		run: func(t *testing.T, f *fixture, w *ws) {
			w.connect("/c")
			w.want("41/c,")
			wait.For(t, "second connection handler's call", f.connected)
			wantReason(t, f, "/c server namespace disconnect")
			w.alive()
		},
	},
	"disconnecting": {
		setup: func(tr *trap, f *fixture) {
			f.Of("/d").OnDisconnecting(func(*sio.Socket, sio.Reason) { tr.spring() })
			f.watch("/d")
		},
		run: func(t *testing.T, f *fixture, w *ws) {
			w.connect("/d")
			w.send("41/d,")
			wantReason(t, f, "/d client namespace disconnect")
			w.alive()
		},
	},
	"disconnect": {
		setup: func(tr *trap, f *fixture) {
			f.Of("/d").OnDisconnect(func(*sio.Socket, sio.Reason) { tr.spring() })
			f.watch("/d")
		},
		run: func(t *testing.T, f *fixture, w *ws) {
			w.connect("/d")
			w.send("41/d,")
			wantReason(t, f, "/d client namespace disconnect")
			w.alive()
		},
	},
	"outgoing": {
		setup: func(tr *trap, f *fixture) {
			f.OnAnyOutgoing(func(*sio.Socket, string, sio.RawArgs) { tr.spring() })
		},
		run: func(t *testing.T, f *fixture, w *ws) {
			w.alive()
			if err := f.Emit("to all"); err != nil {
				t.Fatal(err)
			}
			w.want(`42["to all"]`)
		},
	},
	"OnOpen": {
		cfg: func(tr *trap, cfg *sio.Config) { cfg.OnOpen = func(*sio.Conn) { tr.spring() } },
		run: func(t *testing.T, f *fixture, _ *ws) { f.join(t).alive() },
	},
	"OnClose": {
		cfg: func(tr *trap, cfg *sio.Config) { cfg.OnClose = func(*sio.Conn, sio.Reason) { tr.spring() } },
		run: func(t *testing.T, f *fixture, w *ws) {
			w.conn.Close()
			wantReason(t, f, "/ transport close")
		},
	},
	"OnError of an inline handler": {
		inline: true,
		cfg: func(tr *trap, cfg *sio.Config) {
			cfg.OnError = func(*sio.Socket, string, error) { tr.spring() }
		},
		setup: func(_ *trap, f *fixture) {
			f.On("go", func(context.Context, *sio.Event) error { return errors.New("failed") }, sio.Inline())
		},
		run: func(_ *testing.T, _ *fixture, w *ws) { w.send(`42["go"]`); w.alive() },
	},
	"OnError of an invalid packet": {
		cfg: func(tr *trap, cfg *sio.Config) {
			cfg.OnError = func(*sio.Socket, string, error) { tr.spring() }
		},
		run: func(t *testing.T, f *fixture, w *ws) {
			w.send("4nonsense")
			w.wantClosed()
			wantReason(t, f, "/ forced close")
		},
	},
	"OnError of a namespace": {
		setup: func(tr *trap, f *fixture) {
			f.OnError(func(*sio.Socket, error) { tr.spring() })
			f.OnError(func(_ *sio.Socket, err error) { record(f, f.errors, err) })
			f.UsePacket(func(_ context.Context, e *sio.Event) error {
				if e.Name() == "go" {
					return errors.New("rejected")
				}
				return nil
			})
		},
		run: func(t *testing.T, f *fixture, w *ws) {
			w.send(`42["go"]`)
			wait.For(t, "Config.OnError's call", f.errors)
			wait.For(t, "second hook's call", f.errors)
			w.alive()
		},
	},
	"OnPanic of an inline handler": {
		inline: true,
		cfg: func(tr *trap, cfg *sio.Config) {
			cfg.OnPanic = func(*sio.Socket, string, any, []byte) { tr.spring() }
		},
		setup: func(_ *trap, f *fixture) {
			f.On("go", func(context.Context, *sio.Event) error { panic("a bug") }, sio.Inline())
		},
		run: func(_ *testing.T, _ *fixture, w *ws) { w.send(`42["go"]`); w.alive() },
	},
	"OfFunc": {
		setup: func(tr *trap, f *fixture) {
			f.OfFunc(func(string, json.RawMessage) bool { tr.spring(); return true })
		},
		run: func(_ *testing.T, _ *fixture, w *ws) {
			w.send("40/x,")
			w.want(`44/x,{"message":"Invalid namespace"}`)
			w.alive()
		},
	},
	"OnNamespace": {
		setup: func(tr *trap, f *fixture) {
			f.OfPattern(regexp.MustCompile("^/n"))
			f.OnNamespace(func(*sio.Namespace) { tr.spring() })
		},
		run: func(_ *testing.T, _ *fixture, w *ws) {
			w.send("40/n,")
			w.want(`44/n,{"message":"Invalid namespace"}`)
			w.alive()
		},
	},
	"OnRoom": {
		setup: func(tr *trap, f *fixture) {
			f.OnRoom(func(sio.RoomEvent) { tr.spring() })
			sio.OnAck(f, "join", func(_ context.Context, s *sio.Socket, room string) (bool, error) {
				s.Join(room)
				s.Leave(room)
				return true, nil
			}, sio.Inline())
		},
		run: func(_ *testing.T, _ *fixture, w *ws) {
			for range 10 {
				w.send(`421["join","r"]`)
				w.want("431[true]")
			}
			w.alive()
		},
	},
	"logger": {
		cfg: func(tr *trap, cfg *sio.Config) { cfg.Logger = slog.New(trappedLog{tr, slog.LevelDebug}) },
		setup: func(_ *trap, f *fixture) {
			f.On("go", func(context.Context, *sio.Event) error { panic("a bug") })
			f.On("inline go", func(context.Context, *sio.Event) error { panic("a bug") }, sio.Inline())
		},
		run: func(_ *testing.T, _ *fixture, w *ws) {
			w.send(`42["go"]`)
			w.alive()
			w.send(`42["inline go"]`)
		},
	},
	"Headers": {
		cfg: func(tr *trap, cfg *sio.Config) {
			cfg.Headers = func(http.Header, *eio.Request) { tr.spring() }
		},
		run: func(t *testing.T, f *fixture, w *ws) {
			c, err := net.Dial("tcp", f.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprint(c, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			io.Copy(io.Discard, c) // ended, in whatever way
			w.alive()
		},
	},
}

// TestUserCodeEndsInAnyWay lets each piece of user code panic and end its
// goroutine: what it belongs to suffers as documented, all others are served,
// and nothing is left behind, which TestMain checks.
func TestUserCodeEndsInAnyWay(t *testing.T) {
	for where, p := range places {
		t.Run(where+", panic", func(t *testing.T) { testEnd(t, p, func() { panic("a bug") }) })
		if p.inline {
			p.run = func(t *testing.T, f *fixture, w *ws) {
				w.send(`421["go"]`)
				w.wantClosed()
				wantReason(t, f, "/ transport close")
			}
		}
		t.Run(where+", Goexit", func(t *testing.T) { testEnd(t, p, runtime.Goexit) })
		t.Run(where+", Goexit with a locked thread", func(t *testing.T) {
			testEnd(t, p, func() { runtime.LockOSThread(); runtime.Goexit() })
		})
	}
}

func testEnd(t *testing.T, p place, end func()) {
	tr := &trap{end: end}
	cfg := sio.Config{Loops: 2}
	if p.cfg != nil {
		p.cfg(tr, &cfg)
	}
	f := serve(t, cfg, func(f *fixture) {
		echo(f)
		if p.setup != nil {
			p.setup(tr, f)
		}
	})
	join := func(n int) (list []*ws) {
		for range n {
			w := f.join(t)
			wait.For(t, "connection", f.connected)
			w.alive()
			list = append(list, w)
		}
		return list
	}
	old, victim := join(6), join(1)[0]
	tr.set.Store(true)
	p.run(t, f, victim)
	wait.Until(t, "the trap has sprung", func() bool { return tr.calls.Load() > 0 })
	tr.set.Store(false)
	for _, w := range old {
		w.send(`42["echo","alive"]`)
		for got := ""; got != `42["echo","alive"]`; {
			if got = w.recv(); got != `42["echo","alive"]` && got != `42["to all"]` {
				t.Fatalf("got %q", got)
			}
		}
	}
	for _, w := range join(6) {
		w.alive()
	}
}

// An EmitAck comes to an end although the parser does not return.
func TestParserEndsInAnyWay(t *testing.T) {
	for how, end := range map[string]func(){"panic": func() { panic("a bug") }, "Goexit": runtime.Goexit} {
		t.Run(how, func(t *testing.T) {
			parse, splitAck := &trap{end: end}, &trap{end: end}
			f := serve(t, sio.Config{Loops: 1, Parser: trappedParser{Parser: sio.MessagePack(), parse: parse, splitAck: splitAck}}, nil)
			w := f.joinPacked(t)
			s := wait.For(t, "connection", f.connected)
			answered := make(chan error, 1)
			go func() {
				_, err := s.EmitAck(context.Background(), "ask")
				answered <- err
			}()
			w.recv()
			splitAck.set.Store(true)
			w.send("b:84" + "a474797065" + "03" + "a46461746190" + "a36e7370a12f" + "a26964" + "00")
			if err := wait.For(t, "end of EmitAck", answered); !errors.Is(err, sio.ErrDisconnected) {
				t.Errorf("EmitAck: %v", err)
			}
			w.wantClosed()
			w = f.joinPacked(t)
			parse.set.Store(true)
			w.send("b:00")
			w.wantClosed()
			parse.set.Store(false)
			f.joinPacked(t)
		})
	}
}

// splitParser counts how often it splits an event.
type splitParser struct {
	sio.Parser
	splits *atomic.Int32
}

func (p splitParser) SplitEvent(b []byte) ([]byte, [][]byte, error) {
	p.splits.Add(1)
	return p.Parser.SplitEvent(b)
}

// TestEventsAreSplitOnce: events that wait keep what was split of them when
// they came, whatever the connection receives meanwhile.
func TestEventsAreSplitOnce(t *testing.T) {
	const events = 5
	var splits atomic.Int32
	hold := make(chan struct{})
	got := make(chan string, 3*events)
	f := serve(t, sio.Config{Parser: splitParser{sio.MessagePack(), &splits}}, func(f *fixture) {
		note := func(where string) sio.HandlerFunc {
			return func(_ context.Context, e *sio.Event) error {
				got <- where + e.Name() + e.String()
				return nil
			}
		}
		f.OnConnection(func(s *sio.Socket) {
			s.On("own", note("own "))
			<-hold
		})
		f.On("e", note("inline "), sio.Inline())
		f.On("e", note("queued "))
	})
	w := f.joinPacked(t)
	wait.For(t, "socket", f.connected)
	var want []string
	for i := range events {
		text := strings.Repeat(string(rune('a'+i)), 1+i)
		for _, name := range []string{"e", "own"} {
			w.send(packed(t, dict{"type": 2, "nsp": "/", "data": []any{name, i, []byte(text), dict{"text": text}}}))
		}
		binary := base64.StdEncoding.EncodeToString([]byte(text))
		args := fmt.Sprintf(`[%d,%q,{"text":%q}]`, i, binary, text)
		if have := wait.For(t, "inline handler", got); have != "inline e"+args {
			t.Errorf("got %s, want %s", have, "inline e"+args)
		}
		want = append(want, "queued e"+args, "own own"+args)
	}
	wait.Until(t, "the events", func() bool { return f.Stats().EventsIn == 2*events })
	close(hold)
	for _, want := range want {
		if have := wait.For(t, "handler", got); have != want {
			t.Errorf("got %s, want %s", have, want)
		}
	}
	if n := splits.Load(); n != 2*events {
		t.Errorf("%d events were split %d times", 2*events, n)
	}
}

type connectPanics struct{ sio.Parser }

func (p connectPanics) AppendConnect(dst []byte, namespace, sid, pid string) []byte {
	if namespace == "/p" {
		panic("a bug")
	}
	return p.Parser.AppendConnect(dst, namespace, sid, pid)
}

// TestWelcomePanics: a socket whose parser fails to tell the client that it has
// connected ends without handlers, and with it a namespace that is empty.
func TestWelcomePanics(t *testing.T) {
	f := serve(t, sio.Config{Parser: connectPanics{sio.MessagePack()}}, func(f *fixture) {
		p := f.OfPattern(regexp.MustCompile("^/p"))
		p.OnConnection(func(*sio.Socket) { t.Error("a connection handler was called") })
		p.OnDisconnect(func(*sio.Socket, sio.Reason) { t.Error("a disconnect handler was called") })
	})
	w := f.joinPacked(t)
	w.send(packed(t, dict{"type": 0, "nsp": "/p"}))
	wait.Until(t, "the parser fails", func() bool { return f.Stats().Loop.Panics == 1 })
	wait.Until(t, "the namespace is gone", func() bool { return f.Stats().DynamicNamespaces == 0 })
	if n := f.Stats().Sockets; n != 1 {
		t.Errorf("%d sockets", n)
	}
}
