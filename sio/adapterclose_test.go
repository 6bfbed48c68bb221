package sio_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/adapter"
)

// TestAdaptersAreClosedOnce shuts servers down while dynamic namespaces become
// empty and others are made, before the end and after it: each adapter is
// closed, and once.
func TestAdaptersAreClosedOnce(t *testing.T) {
	const rounds, children = 10, 90
	type made struct {
		name   string
		closed atomic.Int32
	}
	for range rounds {
		var mu sync.Mutex
		var all []*made
		f := serve(t, sio.Config{
			Loops: 2,
			Adapter: func(l adapter.Local) adapter.Adapter {
				m := &made{name: l.Namespace()}
				mu.Lock()
				all = append(all, m)
				mu.Unlock()
				return closingAdapter{new(bus).connect(l), func() error { m.closed.Add(1); return nil }}
			},
		}, func(f *fixture) {
			f.OfPattern(regexp.MustCompile(`^/d`)).OnDisconnect(func(*sio.Socket, sio.Reason) {})
		})
		w := f.dial(t)
		var leave []string
		for i := range children {
			name := fmt.Sprint("/d", i)
			w.connect(name)
			leave = append(leave, "41"+name+",")
		}
		stop := make(chan struct{})
		var others sync.WaitGroup
		others.Go(func() {
			for i := range 1000 {
				f.Of(fmt.Sprint("/x", i))
				select {
				case <-stop:
					if i > 100 {
						return
					}
				default:
				}
			}
		})
		// Which may come too late.
		others.Go(func() { w.conn.Write(eiotest.AppendText(nil, leave...)) })
		if err := f.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		for _, m := range all {
			if n := m.closed.Load(); strings.HasPrefix(m.name, "/d") && n != 1 {
				t.Errorf("when Shutdown returns the adapter of %s was closed %d times", m.name, n)
			}
		}
		mu.Unlock()
		close(stop)
		others.Wait()
		f.Of("/after")
		wait.Until(t, "all are closed", func() bool {
			mu.Lock()
			defer mu.Unlock()
			for _, m := range all {
				if m.closed.Load() == 0 {
					return false
				}
			}
			return true
		})
		for _, m := range all {
			if n := m.closed.Load(); n != 1 {
				t.Errorf("the adapter of %s was closed %d times", m.name, n)
			}
		}
	}
}
