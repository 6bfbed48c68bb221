//go:build unix

package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestServerKilled kills a server of a cluster, the program or one in Node.js,
// while another one waits for its answers. These requests return the answers
// that have arrived, the clients reconnect to the other server, and later calls
// don't wait for the dead one.
func TestServerKilled(t *testing.T) {
	need(t, []string{"node"}, "node_modules/@socket.io/redis-streams-adapter")
	program := build(t)
	for _, v := range variants {
		if v.name != v.adapter {
			continue
		}
		for _, kind := range []string{"go", "node"} {
			t.Run(v.name+" in "+kind, func(t *testing.T) {
				t.Parallel()
				r := redistest.Start(t)
				var url string
				var process *os.Process
				if kind == "go" {
					s := startProgram(t, program, "127.0.0.1:0", "-redis", r.URL(), "-adapter", v.adapter)
					t.Cleanup(func() { s.process.Wait() })
					url, process = s.url, s.process.Process
				} else {
					d := newCluster(t)
					d.killed = true
					url, process = d.serve(nodeOptions{Client: "victim", Adapter: v.adapter, Redis: r.URL()}).url(), d.process.Process
				}
				t.Cleanup(func() { process.Kill() })
				c := v.join(t, r)
				survivor := serveMember(t, "survivor", false, sio.Config{}, c.Adapter)
				serverKilled(t, survivor, func() int { return v.pending(c) }, url, process)
			})
		}
	}
}

func serverKilled(t *testing.T, survivor *goMember, requests func() int, url string, process *os.Process) {
	d, srv := newDriver(t), survivor.srv
	options := map[string]any{"transports": []string{"websocket"}, "auth": map[string]any{}}
	d.join("here", survivor.url(), options)
	there := []*client{d.join("there", url, options), d.join("there too", url, options)}
	togetherAgain := func() {
		t.Helper()
		wait.Until(t, "all clients are counted", func() bool {
			list, err := srv.Timeout(200 * time.Millisecond).FetchSockets(t.Context())
			n, failed := srv.Timeout(200 * time.Millisecond).CountSockets(t.Context())
			return err == nil && failed == nil && len(list) == 3 && n == 3
		})
		if err := srv.SocketsJoin("room"); err != nil {
			t.Fatal(err)
		}
		wait.Until(t, "all clients are in the room", func() bool {
			n, err := srv.To("room").Timeout(200 * time.Millisecond).CountSockets(t.Context())
			return err == nil && n == 3
		})
		wait.Until(t, "all clients acknowledge", func() bool {
			answers, err := srv.To("room").Timeout(200*time.Millisecond).EmitAck(t.Context(), "question")
			return err == nil && len(answers) == 3
		})
	}
	togetherAgain()

	// A stopped process can't be told from a slow one.
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the process has stopped", func() bool { return stopped(t, process.Pid) })
	type result struct {
		answers int
		err     error
	}
	pending := make(map[string]chan result)
	ask := func(what string, request func(ctx context.Context) (int, error)) {
		c := make(chan result, 1)
		pending[what] = c
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		go func() {
			defer cancel()
			n, err := request(ctx)
			c <- result{n, err}
		}()
	}
	ask("FetchSockets", func(ctx context.Context) (int, error) {
		list, err := srv.FetchSockets(ctx)
		return len(list), err
	})
	ask("CountSockets", func(ctx context.Context) (int, error) { return srv.To("room").CountSockets(ctx) })
	ask("EmitAck", func(ctx context.Context) (int, error) {
		answers, err := srv.To("room").EmitAck(ctx, "question")
		return len(answers), err
	})
	ask("ServerSideEmitAck", func(ctx context.Context) (int, error) {
		answers, err := srv.ServerSideEmitAck(ctx, "ask")
		return len(answers), err
	})
	wait.Until(t, "the requests are under way", func() bool { return requests() == len(pending) })
	for _, c := range there {
		c.move(survivor.url())
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	for what, partial := range map[string]int{"FetchSockets": 1, "CountSockets": 1, "EmitAck": 1, "ServerSideEmitAck": 0} {
		if got := wait.For(t, "the end of the call", pending[what]); got.err == nil || got.answers != partial {
			t.Errorf("%s has ended with %d answers and the error %v, want %d and one", what, got.answers, got.err, partial)
		}
	}
	for _, c := range there {
		c.expect("disconnect")
		c.expect("connect")
	}
	togetherAgain()
	if answers, err := srv.ServerSideEmitAck(t.Context(), "ask"); err != nil || len(answers) != 0 {
		t.Errorf("ServerSideEmitAck among one server gives %d answers, %v", len(answers), err)
	}
}

// stopped reports whether all threads of a process are stopped.
func stopped(t *testing.T, pid int) bool {
	t.Helper()
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(stats) == 0 {
		t.Fatalf("the threads of %d: %v, %v", pid, stats, err)
	}
	return !slices.ContainsFunc(stats, func(file string) bool {
		b, err := os.ReadFile(file)
		_, state, _ := strings.Cut(string(b), ") ") // behind the program's name
		return err != nil || !strings.HasPrefix(state, "T")
	})
}
