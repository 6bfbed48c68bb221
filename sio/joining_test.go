package sio_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

func TestPatternNamespaces(t *testing.T) {
	made := make(steps, 100)
	var dyn *sio.Namespace
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.OnNamespace(func(ns *sio.Namespace) {
			made <- ns.Name()
			sio.On(ns, "from the hook", func(_ context.Context, s *sio.Socket, _ sio.None) error { return s.Emit("hook") })
		})
		dyn = f.OfPattern(regexp.MustCompile(`^/dyn-\d+$`))
		dyn.Use(func(s *sio.Socket) error { s.Join("all"); return nil })
		dyn.OnConnection(func(s *sio.Socket) { s.Emit("hello", s.Namespace().Name()) })
		sio.On(dyn, "ping", func(_ context.Context, s *sio.Socket, _ sio.None) error { return s.Emit("pong") })
	})
	w := f.join(t)
	t.Run("a pattern makes namespaces", func(t *testing.T) {
		w.connect("/dyn-1")
		w.want(`42/dyn-1,["hello","/dyn-1"]`)
		made.want(t, "/dyn-1")
		w.send(`42/dyn-1,["ping"]`, `42/dyn-1,["from the hook"]`)
		w.want(`42/dyn-1,["pong"]`, `42/dyn-1,["hook"]`)
		w.send("40/dyn-x,")
		w.want(`44/dyn-x,{"message":"Invalid namespace"}`)
		f.join(t, "/dyn-1").want(`42/dyn-1,["hello","/dyn-1"]`)
		if n, all := dyn.Len(), dyn.Count("all"); n != 2 || all != 2 {
			t.Errorf("%d sockets and %d in the room, want 2 and 2", n, all)
		}
		empty(t, "namespaces", made)
	})
	t.Run("Of makes a child", func(t *testing.T) {
		ns := f.Of("dyn-9")
		made.want(t, "/dyn-9")
		w.connect("/dyn-9")
		w.want(`42/dyn-9,["hello","/dyn-9"]`)
		ns.To("all").Emit("x")
		w.want(`42/dyn-9,["x"]`)
	})
	t.Run("static", func(t *testing.T) {
		f.Of("/dyn-x")
		made.want(t, "/dyn-x")
		w.connect("/dyn-x")
		var names []string
		for _, ns := range f.Namespaces() {
			names = append(names, ns.Name())
		}
		if got := strings.Join(names, " "); got != "/ /dyn-1 /dyn-9 /dyn-x" {
			t.Errorf("the namespaces are %s", got)
		}
	})
	t.Run("a parent's name", func(t *testing.T) {
		w.send("40/_0,")
		w.want(`44/_0,{"message":"Invalid namespace"}`)
	})
}

func TestFunctionNamespaces(t *testing.T) {
	asked := make(steps, 100)
	hold := make(chan struct{})
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.OfFunc(func(name string, auth json.RawMessage) bool {
			asked <- fmt.Sprint("first ", name, " ", string(auth))
			switch name {
			case "/slow":
				<-hold
			case "/bug":
				panic("a bug")
			}
			return name == "/first"
		})
		f.OfFunc(func(name string, auth json.RawMessage) bool {
			asked <- fmt.Sprint("second ", name, " ", string(auth))
			return name == "/second" && strings.Contains(string(auth), "secret")
		}).OnConnection(func(s *sio.Socket) { s.Emit("auth", s.Handshake().Auth) })
	})
	w := f.join(t)
	t.Run("functions are asked in turn", func(t *testing.T) {
		w.connect("/first")
		asked.want(t, "first /first {}")
		w.send(`40/second,{"token":"secret"}`)
		connectReply(t, "/second", w.recv())
		w.want(`42/second,["auth",{"token":"secret"}]`)
		asked.want(t, `first /second {"token":"secret"}`, `second /second {"token":"secret"}`)
		w.send(`40/third,`)
		w.want(`44/third,{"message":"Invalid namespace"}`)
		asked.want(t, "first /third {}", "second /third {}")
		f.join(t, "/second") // it exists now
		empty(t, "questions", asked)
	})
	t.Run("panic", func(t *testing.T) {
		w.send("40/bug,")
		w.want(`44/bug,{"message":"Invalid namespace"}`)
		asked.want(t, "first /bug {}")
		w.alive()
	})
	t.Run("an event before the answer closes", func(t *testing.T) {
		other := f.dial(t)
		other.send("40/slow,")
		asked.want(t, "first /slow {}")
		other.send(`42/slow,["x"]`)
		other.wantClosed()
	})
	t.Run("the client closes during the middleware", func(t *testing.T) {
		other := f.dial(t)
		other.send("40/slow,")
		asked.want(t, "first /slow {}")
		other.conn.Close()
	})
	close(hold)
}

// TestParent: an emit of a parent reaches all its children.
func TestParent(t *testing.T) {
	f := serve(t, sio.Config{}, func(f *fixture) {
		parent := f.OfPattern(regexp.MustCompile(`^/p`))
		parent.OnConnection(func(s *sio.Socket) { s.Join("room" + s.Namespace().Name()) })
		f.Of("/p1").OnConnection(func(s *sio.Socket) { s.Emit("ready") })
		// Children keep what they have inherited.
		parent.OnConnection(func(s *sio.Socket) { s.Emit("ready", "late") })
		sio.On(f, "cast", func(_ context.Context, _ *sio.Socket, room string) error {
			if room == "" {
				return parent.Emit("cast", []byte{1})
			}
			return parent.To(room).Except("nobody").Emit("cast", room)
		})
		sio.OnAck(f, "sockets", func(context.Context, *sio.Socket, sio.None) (int, error) { return len(parent.Sockets()), nil })
	})
	a, b, main := f.join(t, "/p1"), f.join(t, "/p2"), f.join(t)
	a.want(`42/p1,["ready"]`)
	b.want(`42/p2,["ready","late"]`)
	main.send(`42["cast",""]`)
	a.want(`451-/p1,["cast",`+p0+`]`, "b:01")
	b.want(`451-/p2,["cast",`+p0+`]`, "b:01")
	main.send(`42["cast","room/p2"]`, `42["cast",""]`)
	b.want(`42/p2,["cast","room/p2"]`)
	a.want(`451-/p1,["cast",`+p0+`]`, "b:01")
	main.send(`421["sockets"]`)
	main.want(`431[2]`)
}

// TestCleanup: a child without sockets is removed, and can be created again.
func TestCleanup(t *testing.T) {
	made := make(steps, 100)
	hold := make(chan struct{})
	f := serve(t, sio.Config{}, func(f *fixture) {
		echo(f)
		f.OnNamespace(func(ns *sio.Namespace) { made <- ns.Name() })
		parent := f.OfPattern(regexp.MustCompile(`^/p`))
		parent.Use(func(s *sio.Socket) error {
			switch string(s.Handshake().Auth) {
			case `{"refuse":true}`:
				return errors.New("no")
			case `{"wait":true}`:
				<-hold
			}
			return nil
		})
		f.Of("/static")
		made.want(t, "/static")
	})
	count := func(want int) {
		t.Helper()
		if n := len(f.Namespaces()); n != want {
			t.Errorf("there are %d namespaces, want %d", n, want)
		}
	}
	a, b := f.join(t), f.join(t)
	a.connect("/p1")
	b.connect("/p1")
	a.connect("/static")
	made.want(t, "/p1")
	a.send("41/p1,", "41/static,")
	a.alive()
	count(3)
	b.send("41/p1,")
	b.alive()
	count(2)
	b.connect("/p1")
	made.want(t, "/p1")
	b.conn.Close()
	wait.Until(t, "the namespace is gone", func() bool { return len(f.Namespaces()) == 2 })
	t.Run("refused", func(t *testing.T) {
		a.send(`40/p2,{"refuse":true}`)
		a.want(`44/p2,{"message":"no"}`)
		a.alive()
		made.want(t, "/p2")
		count(2)
	})
	t.Run("a socket in a middleware counts", func(t *testing.T) {
		a.send(`40/p3,{"wait":true}`)
		made.want(t, "/p3")
		c := f.join(t, "/", "/p3")
		c.send("41/p3,")
		c.alive()
		count(3)
		close(hold)
		connectReply(t, "/p3", a.recv())
		empty(t, "namespaces", made)
	})
}

// TestCleanupRace lets clients join and leave one namespace at once: each finds
// it or creates it again.
func TestCleanupRace(t *testing.T) {
	f := serve(t, sio.Config{Loops: 2}, func(f *fixture) {
		f.OfPattern(regexp.MustCompile(`^/p`)).OnConnection(func(s *sio.Socket) { s.Emit("ready") })
		echo(f)
	})
	var clients sync.WaitGroup
	for range 4 {
		w := f.join(t)
		clients.Go(func() {
			for range 50 {
				w.send("40/p,")
				if f, err := w.conn.ReadFrame(); err != nil || !strings.HasPrefix(string(f.Payload), `40/p,{"sid"`) {
					t.Errorf("got %v, %v", f, err)
					return
				}
				if f, err := w.conn.ReadFrame(); string(f.Payload) != `42/p,["ready"]` {
					t.Errorf("got %v, %v", f, err)
					return
				}
				w.send("41/p,")
			}
			w.alive()
		})
	}
	clients.Wait()
	// The last socket may end on a worker whose connection handler has just
	// returned.
	wait.Until(t, "the end of the namespace", func() bool { return len(f.Namespaces()) == 1 })
}

// TestNamespaceHookPanics: a namespace whose hook has panicked, perhaps before
// it added the middleware that guards it, does not open.
func TestNamespaceHookPanics(t *testing.T) {
	var calls atomic.Int32
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.OfPattern(regexp.MustCompile(`^/p`))
		f.OnNamespace(func(ns *sio.Namespace) {
			if calls.Add(1) == 1 {
				panic("the hook's own fault")
			}
			ns.Use(func(*sio.Socket) error { return errors.New("guarded") })
		})
	})
	w := f.dial(t)
	w.send("40/p,")
	w.want(`44/p,{"message":"Invalid namespace"}`)
	w.send("40/p,")
	w.want(`44/p,{"message":"guarded"}`)
}

// TestPanicOfNamespaceFunction: OnPanic is given a socket for a client that
// waits for its namespace. Its methods work.
func TestPanicOfNamespaceFunction(t *testing.T) {
	used := make(chan error, 1)
	f := serve(t, sio.Config{OnPanic: func(s *sio.Socket, event string, _ any, _ []byte) {
		_, err := s.Broadcast().FetchSockets(context.Background())
		used <- errors.Join(err, s.Join("room"), s.Leave("room"), s.Broadcast().SocketsLeave("room"))
	}}, func(f *fixture) {
		f.OfFunc(func(string, json.RawMessage) bool { panic("a bug") })
	})
	w := f.join(t)
	w.send("40/x,")
	w.want(`44/x,{"message":"Invalid namespace"}`)
	if err := wait.For(t, "OnPanic", used); err != nil {
		t.Error(err)
	}
}

// TestClientLeavesBeforeDecision: what a client that has left waits for is
// stranded until the parent's function returns, or is not called.
func TestClientLeavesBeforeDecision(t *testing.T) {
	begun, decide := make(chan string, 2), make(chan struct{})
	f := serve(t, sio.Config{MaxHandlers: 1}, func(f *fixture) {
		f.OfFunc(func(name string, _ json.RawMessage) bool {
			begun <- name
			<-decide
			return true
		})
	})
	first, second := f.dial(t), f.dial(t)
	first.send("40/first,")
	wait.For(t, "the decision about the first", begun)
	second.send("40/second,")
	wait.Until(t, "both wait", func() bool { return f.Stats().Pending == 2 && f.Stats().HandlersWaiting == 1 })
	second.conn.Close()
	wait.Until(t, "the second has left", func() bool { return f.Stats().Pending == 1 && f.Stats().PendingStranded == 1 })
	first.conn.Close()
	wait.Until(t, "the first has left", func() bool { return f.Stats().Pending == 0 && f.Stats().PendingStranded == 2 })
	close(decide)
	wait.Until(t, "the end", func() bool {
		st := f.Stats()
		return st.PendingStranded == 0 && st.HandlersRunning == 0 && st.DynamicNamespaces == 0
	})
	if len(begun) > 0 {
		t.Error("the function was called for a client that had left")
	}
}

// TestLeftBeforeWorker: clients that leave before a worker has what they wait
// for leave none of their authentication data behind, however long the workers
// are busy, and at a limit no more of them are let in.
func TestLeftBeforeWorker(t *testing.T) {
	const most, size = 40, 500 << 10
	for namespace, calls := range map[string]int{"/x,": 0, "": 1} { // of its function, or middleware, for the last client
		t.Run("namespace "+namespace, func(t *testing.T) {
			begun, decide := make(chan struct{}, 2), make(chan struct{})
			block := func() {
				begun <- struct{}{}
				<-decide
			}
			f := serve(t, sio.Config{Loops: 1, MaxHandlers: 1, MaxPendingTotal: most}, func(f *fixture) {
				f.Use(func(*sio.Socket) error { block(); return nil })
				f.OfFunc(func(string, json.RawMessage) bool { block(); return true })
			})
			decided := sync.OnceFunc(func() { close(decide) })
			defer decided()
			first := f.dial(t)
			first.send("40" + namespace)
			wait.For(t, "the worker", begun)
			before := liveHeap()
			for i := range most {
				w := f.dial(t)
				w.send("40" + namespace + `{"token":"` + strings.Repeat("x", size) + `"}`)
				wait.Until(t, "the client waits", func() bool { return f.Stats().PendingBytes >= size })
				w.conn.Close()
				wait.Until(t, "it has left", func() bool {
					st := f.Stats()
					return st.PendingBytes < size && st.Clients == 1 && st.PendingStranded == i+1
				})
			}
			if held := liveHeap() - before; held > most*size/4 {
				t.Errorf("%d KiB are held for %d clients that have left", held>>10, most)
			}
			w := f.dial(t)
			w.send("40" + namespace)
			w.want("44" + namespace + `{"message":"Server overloaded"}`)
			decided()
			wait.Until(t, "nothing waits", func() bool { return f.Stats().PendingStranded == 0 && f.Stats().HandlersWaiting == 0 })
			w.connect(strings.TrimSuffix(cmp.Or(namespace, "/"), ","))
			if n := len(begun); n != calls {
				t.Errorf("there were %d calls for clients that had left", n-calls)
			}
		})
	}
}

// liveHeap returns the bytes of the heap that are in use.
func liveHeap() int {
	var m runtime.MemStats
	for range 2 { // the second frees what pools have kept
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
