package sio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// visit connects to a namespace and leaves it.
func (w *ws) visit(namespace string) {
	w.t.Helper()
	w.connect(namespace)
	w.send("41" + namespace + ",")
	w.alive()
}

func exists(srv *sio.Server, name string) bool {
	for _, ns := range srv.Namespaces() {
		if ns.Name() == name {
			return true
		}
	}
	return false
}

// TestEmptyNamespaces: dynamic namespaces without sockets stay if the
// application has made them or added something to them.
func TestEmptyNamespaces(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint("kept: ", keep), func(t *testing.T) {
			var late sync.Once
			f := serve(t, sio.Config{KeepEmptyNamespaces: keep}, func(f *fixture) {
				echo(f)
				f.OnNamespace(func(ns *sio.Namespace) { ns.OnConnection(func(*sio.Socket) {}) })
				f.OfPattern(regexp.MustCompile(`^/p`)).OnConnection(func(s *sio.Socket) {
					if s.Namespace().Name() == "/p-late" {
						late.Do(func() { sio.On(s.Namespace(), "x", func(context.Context, *sio.Socket, string) error { return nil }) })
						s.Emit("late")
					}
				})
				f.Of("/p-made").OnConnection(func(s *sio.Socket) { s.Emit("made") })
			})
			w := f.join(t)
			w.visit("/p-client")
			w.connect("/p-late")
			w.want(`42/p-late,["late"]`)
			w.send("41/p-late,")
			w.alive()
			for range 2 {
				w.connect("/p-made")
				w.want(`42/p-made,["made"]`)
				w.send("41/p-made,")
				w.alive()
			}
			wait.Until(t, "the client's namespace is gone or kept", func() bool { return exists(f.Server, "/p-client") == keep })
			if !exists(f.Server, "/p-made") || !exists(f.Server, "/p-late") {
				t.Error("a namespace of the application's has gone")
			}
		})
	}
}

// recoveringParent has "/p" as a child.
func recoveringParent(t *testing.T, r sio.Recovery) *fixture {
	return recovering(t, r, func(f *fixture) {
		parent := f.OfPattern(regexp.MustCompile(`^/p`))
		parent.OnDisconnect(func(*sio.Socket, sio.Reason) { record(f, f.disconnected, "left") })
		sio.On(parent, "echo", func(_ context.Context, s *sio.Socket, x string) error { return s.Emit("echo", x) })
	})
}

// enter connects to "/p", and returns the socket's id.
func (f *fixture) enter(t *testing.T, id *identity) (w *ws, sid string) {
	t.Helper()
	w = f.dial(t)
	w.send(strings.Replace(id.connect(), "40", "40/p,", 1))
	var answer struct{ SID, PID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(w.recv(), "40/p,")), &answer); err != nil {
		t.Fatal(err)
	}
	id.PID = answer.PID
	return w, answer.SID
}

// TestEmptyNamespaceIsRecovered: a namespace stays for the clients that may
// come back.
func TestEmptyNamespaceIsRecovered(t *testing.T) {
	f := recoveringParent(t, sio.Recovery{MaxDisconnectionDuration: time.Hour})
	var id identity
	w, sid := f.enter(t, &id)
	w.send(`42/p,["echo","x"]`)
	id.Offset = w.wantOffset(`42/p,["echo","x"]`)
	for range 3 {
		w.conn.Close()
		if got := wait.For(t, "the end", f.disconnected); got != "left" {
			t.Fatal(got)
		}
		if !exists(f.Server, "/p") {
			t.Fatal("the namespace has gone with the connection")
		}
		var again string
		if w, again = f.enter(t, &id); again != sid {
			t.Fatal("the client was not recovered")
		}
	}
	w.send("41/p,") // for good
	wait.Until(t, "the namespace is gone", func() bool { return !exists(f.Server, "/p") })
}

// TestEmptyNamespaceExpires: a namespace does not stay for longer, whether its
// sessions end by time or because there are too many.
func TestEmptyNamespaceExpires(t *testing.T) {
	expired := make(chan bool, 10)
	f := recoveringParent(t, sio.Recovery{
		MaxDisconnectionDuration: 50 * time.Millisecond, MaxSessions: 1,
		OnExpire: func(e sio.ExpiredSession) { expired <- exists(e.Namespace.Server(), "/p") },
	})
	for range 3 {
		var clients [3]*ws
		for i := range clients {
			clients[i], _ = f.enter(t, &identity{})
		}
		for _, w := range clients {
			w.conn.Close()
		}
		for range clients {
			if !wait.For(t, "the end of a session", expired) {
				t.Error("OnExpire is behind the namespace's end")
			}
		}
		wait.Until(t, "the namespace is gone", func() bool { return f.Stats().DynamicNamespaces == 0 })
	}
}
