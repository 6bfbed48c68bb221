package sio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// TestDynamicBound: at the bound new names are refused, and nothing else is.
func TestDynamicBound(t *testing.T) {
	var anyName *sio.Namespace
	f := serve(t, sio.Config{MaxDynamicNamespaces: 3}, func(f *fixture) {
		anyName = f.OfPattern(regexp.MustCompile(`^/d`))
		f.Of("/static")
	})
	w := f.join(t, "/", "/d1", "/d2", "/d3")
	refused := func(name string) {
		t.Helper()
		w.send("40" + name + ",")
		w.want("44" + name + `,{"message":"Too many dynamic namespaces"}`)
	}
	refused("/d4")
	refused("/d5")
	w.send("40/other,")
	w.want(`44/other,{"message":"Invalid namespace"}`)
	f.join(t, "/d1", "/d3", "/static")
	if st := f.Stats(); st.DynamicNamespaces != 3 || st.DynamicRefused != 2 || st.Refused != 3 {
		t.Errorf("the figures are %d, %d, %d", st.DynamicNamespaces, st.DynamicRefused, st.Refused)
	}
	f.Of("/d6") // the application may
	f.join(t, "/d6")
	if n := f.Stats().DynamicNamespaces; n != 4 {
		t.Errorf("%d dynamic namespaces are counted, want 4", n)
	}
	f.Of("/d6").Close()
	refused("/d4")
	f.Of("/d3").Close()
	w.want("41/d3,")
	w.connect("/d4")
	refused("/d3")
	if err := anyName.Close(); err != nil {
		t.Error(err)
	}
	if n := f.Stats().DynamicNamespaces; n != 0 {
		t.Errorf("%d dynamic namespaces are counted, want none", n)
	}
}

// TestDynamicRace has clients make the same few namespaces at once, at the
// bound, while they end: the count must be exact.
func TestDynamicRace(t *testing.T) {
	f := serve(t, sio.Config{Loops: 2, MaxDynamicNamespaces: 4}, func(f *fixture) {
		f.OfPattern(regexp.MustCompile(`^/d`))
		echo(f)
	})
	var clients sync.WaitGroup
	for i := range 4 {
		w := f.join(t)
		clients.Go(func() {
			for n := range 50 {
				name := fmt.Sprintf("/d%d,", (i+n)%4)
				w.send("40" + name)
				if f, err := w.conn.ReadFrame(); err != nil || !strings.HasPrefix(string(f.Payload), `40`+name+`{"sid"`) {
					t.Errorf("got %v, %v", f, err)
					return
				}
				w.send("41" + name)
			}
			w.alive()
		})
	}
	clients.Wait()
	if n := f.Stats().DynamicNamespaces; n != 0 {
		t.Errorf("%d dynamic namespaces are left", n)
	}
}

// TestDynamicFlood: what clients that have left had asked for is not made, and
// nothing waits for what is being made.
func TestDynamicFlood(t *testing.T) {
	const clients, names = 4, 100
	var asked, blocked atomic.Int64
	decide, stuck := make(chan struct{}), make(chan struct{})
	left := make(chan sio.Reason, clients+1)
	f := serve(t, sio.Config{Loops: 2, OnClose: func(_ *sio.Conn, r sio.Reason) { left <- r }}, func(f *fixture) {
		f.OfFunc(func(name string, _ json.RawMessage) bool {
			switch {
			case strings.HasPrefix(name, "/flood"):
				asked.Add(1)
				<-decide
			case name == "/stuck":
				blocked.Add(1)
				<-stuck
			}
			return true
		})
		f.OnNamespace(func(ns *sio.Namespace) {
			if ns.Name() == "/hook" {
				blocked.Add(1)
				<-stuck
			}
		})
	})
	other := f.join(t)
	var floods []*ws
	for i := range clients {
		w := f.join(t)
		for n := range names {
			w.send(fmt.Sprintf("40/flood%d-%d,", i, n))
		}
		w.send("40/stuck,", "40/hook,")
		floods = append(floods, w)
	}
	wait.Until(t, "all are asked for", func() bool { return asked.Load() == clients*names && blocked.Load() == clients+1 })
	other.connect("/free")
	if got, want := nsNames(f), "/ /free /hook"; got != want {
		t.Errorf("the namespaces are %s, want %s", got, want)
	}
	leave(floods)
	for range clients {
		wait.For(t, "end of a connection", left)
	}
	close(decide)
	wait.Until(t, "nothing waits for the flood", func() bool { return f.Stats().HandlersRunning <= clients+1 })
	other.connect("/more")
	if got, want := nsNames(f), "/ /free /hook /more"; got != want {
		t.Errorf("the namespaces are %s, want %s", got, want)
	}
	close(stuck)
	wait.Until(t, "nothing runs", func() bool { return f.Stats().HandlersRunning == 0 })
	wait.Until(t, "what no client has entered is gone", func() bool { return nsNames(f) == "/ /free /more" })
}

func nsNames(f *fixture) string {
	var names []string
	for _, ns := range f.Namespaces() {
		names = append(names, ns.Name())
	}
	return strings.Join(names, " ")
}

// TestDecisionEndsGoroutine: a parent's function, or a hook, that ends its
// goroutine refuses the client.
func TestDecisionEndsGoroutine(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.OfFunc(func(name string, _ json.RawMessage) bool {
			if name == "/match" {
				runtime.Goexit()
			}
			return true
		})
		f.OnNamespace(func(ns *sio.Namespace) {
			if ns.Name() == "/hook" {
				runtime.Goexit()
			}
		})
	})
	w := f.join(t)
	for _, name := range []string{"/match", "/hook", "/match", "/hook"} {
		w.send("40" + name + ",")
		w.want("44" + name + `,{"message":"Invalid namespace"}`)
	}
	w.alive()
	if st := f.Stats(); st.DynamicNamespaces != 0 || st.Pending != 0 {
		t.Errorf("%d namespaces and %d events are left", st.DynamicNamespaces, st.Pending)
	}
}

// TestHookCloses: a hook that closes the namespace refuses its clients.
func TestHookCloses(t *testing.T) {
	var calls atomic.Int64
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.OfPattern(regexp.MustCompile(`^/d`))
		f.OnNamespace(func(ns *sio.Namespace) {
			calls.Add(1)
			ns.Close()
		})
	})
	w := f.join(t)
	w.send("40/d,")
	w.want(`44/d,{"message":"Invalid namespace"}`)
	w.alive()
	if st := f.Stats(); calls.Load() != 1 || st.DynamicNamespaces != 0 || nsNames(f) != "/" {
		t.Errorf("%d calls, %d namespaces: %s", calls.Load(), st.DynamicNamespaces, nsNames(f))
	}
}

// closingAdapter is an adapter whose Close is seen.
type closingAdapter struct {
	adapter.Adapter
	close func() error
}

func (a closingAdapter) Close() error { return a.close() }

// TestClose removes namespaces with sockets in all states.
func TestClose(t *testing.T) {
	hold := make(chan struct{})
	boom := errors.New("boom")
	var closed atomic.Int64
	f := serve(t, sio.Config{Adapter: func(l adapter.Local) adapter.Adapter {
		return closingAdapter{new(bus).connect(l), func() error {
			closed.Add(1)
			if l.Namespace() == "/static" {
				return boom
			}
			return nil
		}}
	}}, func(f *fixture) {
		echo(f)
		f.watch("/static")
		f.Of("/static").Use(func(s *sio.Socket) error {
			if string(s.Handshake().Auth) == `{"wait":true}` {
				<-hold
			}
			return nil
		})
	})
	inside, waiting := f.join(t, "/", "/static"), f.join(t)
	var s *sio.Socket
	for range 3 { // in any order
		if c := wait.For(t, "connection", f.connected); c.Namespace().Name() == "/static" {
			s = c
		}
	}
	s.Join("room")
	waiting.send(`40/static,{"wait":true}`)
	waiting.alive()
	ns := s.Namespace()
	if err := ns.Close(); !errors.Is(err, boom) || closed.Load() != 1 {
		t.Errorf("Close: %v, and %d adapters are closed", err, closed.Load())
	}
	inside.want("41/static,")
	waiting.want(`44/static,{"message":"Invalid namespace"}`)
	wantReason(t, f, "/static server namespace disconnect")
	inside.alive()
	if err := ns.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	if ns.Len() != 0 || ns.Count("room") != 0 || nsNames(f) != "/" {
		t.Errorf("%d sockets, %d in the room; the namespaces are %s", ns.Len(), ns.Count("room"), nsNames(f))
	}
	inside.send("40/static,")
	inside.want(`44/static,{"message":"Invalid namespace"}`)
	if err := f.Of("/").Close(); !errors.Is(err, sio.ErrMainNamespace) {
		t.Errorf("closing the main namespace: %v", err)
	}
	close(hold)
	waiting.alive() // the middleware's end brings nothing more

	again := f.Of("/static")
	if again == ns {
		t.Fatal("the namespace is still there")
	}
	inside.connect("/static")
	if again.Len() != 1 || ns.Len() != 0 {
		t.Errorf("the new namespace has %d sockets, the old one %d", again.Len(), ns.Len())
	}
}

// TestCloseFamily closes a child, then its parent with the other children.
func TestCloseFamily(t *testing.T) {
	f := serve(t, sio.Config{}, echo)
	parent := f.OfPattern(regexp.MustCompile(`^/p`))
	w := f.join(t, "/", "/p1", "/p2", "/p3")
	f.Of("/p1").Close()
	w.want("41/p1,")
	if got := nsNames(f); got != "/ /p2 /p3" {
		t.Errorf("the namespaces are %s", got)
	}
	w.connect("/p1") // the parent makes it again
	if err := parent.Close(); err != nil {
		t.Error(err)
	}
	got := []string{w.recv(), w.recv(), w.recv()}
	slices.Sort(got)
	if fmt.Sprint(got) != "[41/p1, 41/p2, 41/p3,]" {
		t.Errorf("got %q", got)
	}
	w.send("40/p1,")
	w.want(`44/p1,{"message":"Invalid namespace"}`)
	if err := parent.Emit("x"); err != nil {
		t.Errorf("emitting to a closed parent: %v", err)
	}
	w.alive()
}

// TestCloseRace closes a namespace again and again while clients come and go:
// none stays in a namespace that is closed, and each gets an answer.
func TestCloseRace(t *testing.T) {
	f := serve(t, sio.Config{Loops: 2}, func(f *fixture) {
		echo(f)
		f.OfPattern(regexp.MustCompile(`^/p`)).Use(func(*sio.Socket) error { return nil })
	})
	var clients sync.WaitGroup
	var left atomic.Int64
	left.Store(4)
	for range 4 {
		w := f.join(t)
		clients.Go(func() {
			defer left.Add(-1)
			in := false
			for range 100 {
				w.send("40/p,")
				for answered := false; !answered; {
					f, err := w.conn.ReadFrame()
					switch p := string(f.Payload); {
					case err != nil:
						t.Error(err)
						return
					case strings.HasPrefix(p, `40/p,{"sid"`):
						answered, in = true, true
					case p == `44/p,{"message":"Invalid namespace"}`:
						answered = true
					default:
						t.Errorf("got %q", p)
						return
					}
				}
				for in {
					if f, err := w.conn.ReadFrame(); err != nil || string(f.Payload) != "41/p," {
						t.Errorf("got %v, %v", f, err)
						return
					}
					in = false
				}
			}
		})
	}
	for left.Load() > 0 {
		f.Of("/p").Close()
		runtime.Gosched()
	}
	clients.Wait()
}

// TestShutdownWithBlockedAdapters: adapters that don't close do not keep
// Shutdown, and are closed at the same time.
func TestShutdownWithBlockedAdapters(t *testing.T) {
	release := make(chan struct{})
	var closing atomic.Int64
	f := serve(t, sio.Config{Adapter: func(l adapter.Local) adapter.Adapter {
		return closingAdapter{new(bus).connect(l), func() error {
			closing.Add(1)
			if l.Namespace() == "/goexit" {
				runtime.Goexit()
			}
			<-release
			return nil
		}}
	}}, nil)
	defer close(release)
	f.Of("/goexit")
	for i := range 50 {
		f.Of(fmt.Sprint("/n", i))
	}
	start := time.Now()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > wait.Patience || closing.Load() != 52 {
		t.Errorf("Close took %v, and %d adapters were closed", took, closing.Load())
	}
	f.Of("/late")
	wait.Until(t, "the adapter of a namespace that comes too late is closed", func() bool { return closing.Load() == 53 })
}

// TestAuthBound: the sockets of a connection keep no more authentication data
// than one message can hold.
func TestAuthBound(t *testing.T) {
	f := serve(t, sio.Config{MaxHTTPBufferSize: 10_000}, func(f *fixture) {
		f.OfPattern(regexp.MustCompile(`^/d`))
		echo(f)
	})
	w := f.join(t)
	auth := func(size int) string { return `{"a":"` + strings.Repeat("x", size-8) + `"}` }
	join := func(name string, size int) string {
		w.send("40" + name + "," + auth(size))
		return w.recv()
	}
	connectReply(t, "/d1", join("/d1", 9_900))
	if got := join("/d2", 101); got != `44/d2,{"message":"Too much authentication data"}` {
		t.Errorf("got %s", got)
	}
	connectReply(t, "/d3", join("/d3", 100))
	w.connect("/d4")
	w.send("41/d1,")
	connectReply(t, "/d2", join("/d2", 9_900))
	w.alive()
}
