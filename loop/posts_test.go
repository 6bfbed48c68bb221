package loop_test

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sioserver/sioserver/loop"
)

// TestPostsLeaveRoomForConnections: tasks may be posted without end,
// connections are served.
func TestPostsLeaveRoomForConnections(t *testing.T) {
	// With one processor, posts are waiting whenever a loop gets it.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, tc := range []struct {
		name string
		post func(l *loop.Loop, done *atomic.Bool, posters *sync.WaitGroup)
	}{
		{"a task that posts itself", func(l *loop.Loop, done *atomic.Bool, _ *sync.WaitGroup) {
			var again func()
			again = func() {
				if !done.Load() {
					l.PostFunc(again)
				}
			}
			again()
		}},
		{"goroutines that post in turn", func(l *loop.Loop, done *atomic.Bool, posters *sync.WaitGroup) {
			for range 16 {
				posters.Go(func() {
					for ran := make(chan struct{}, 1); !done.Load(); <-ran {
						l.PostFunc(func() { ran <- struct{}{} })
					}
				})
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := start(t, loop.Config{Loops: 1}, acceptEcho)
			c := dial(t, e)
			var done atomic.Bool
			var posters sync.WaitGroup
			defer posters.Wait()
			defer done.Store(true)
			tc.post(e.Loops()[0], &done, &posters)
			for range 20 {
				b := []byte("?")
				if _, err := c.Write(b); err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(c, b); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
