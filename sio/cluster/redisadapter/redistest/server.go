package redistest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest/slowlink"
)

// Timeout is how long tests wait for what must happen. Only a failing test
// takes it, so it is long enough for a busy machine.
const Timeout = time.Minute

// go-redis logs each connection that a test breaks on standard error.
func init() { redis.SetLogger(discard{}) }

type discard struct{}

func (discard) Printf(context.Context, string, ...any) {}

// Link is a connection to a server with a limited speed; see [slowlink.Link].
type Link = slowlink.Link

// NewLink starts a link to the server at target, a host:port. bytesPerSecond
// limits each direction; 0 is no limit. Close ends it.
func NewLink(target string, bytesPerSecond int) (*Link, error) {
	return slowlink.New(target, bytesPerSecond)
}

// Server is a redis-server of one test, on a port of 127.0.0.1.
type Server struct {
	Addr   string        // host:port
	Client *redis.Client // for the commands of the test, or for an adapter

	t      testing.TB
	config []string // the configuration file and the arguments before the port
	args   []string
	dir    string
	cmd    *exec.Cmd

	ended chan struct{} // closed when the process has ended
}

// Start starts a server that ends with the test. It stores nothing on disk
// unless args, the arguments of redis-server, have it do so. Without
// redis-server the test is skipped, or fails if CI is set.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := newServer(t)
	s.args = args
	s.Start()
	return s
}

// newServer returns a server that is not started yet.
func newServer(t testing.TB) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("missing: redis-server (make test installs it)")
		}
		t.Skip("missing: redis-server (make test installs it)")
	}
	s := &Server{Addr: freeAddr(t), t: t, dir: t.TempDir()}
	s.Client = redis.NewClient(&redis.Options{Addr: s.Addr})
	t.Cleanup(func() {
		s.Client.Close()
		s.Kill()
	})
	return s
}

// freeAddr returns an address below the ports of outgoing connections. So while
// the server is away no other process gets its port, and a client that dials it
// can't reach itself.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(20_000+rand.IntN(12_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	panic("unreachable")
}

// URL is the server's address as the clients of most languages take it.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Start starts the server again, with the data that it has kept, and waits
// until it answers.
func (s *Server) Start() {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.Addr)
	args := slices.Concat(s.config, []string{"--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", ""}, s.args)
	s.cmd = exec.Command("redis-server", args...)
	s.cmd.Stderr = os.Stderr
	log := new(bytes.Buffer)
	s.cmd.Stdout = log
	s.cmd.SysProcAttr = endsWithParent() // a test that panics cleans nothing up
	if err := s.run(); err != nil {
		s.t.Fatal(err)
	}
	// Another one may have been faster to take the port.
	itself := fmt.Sprintf("process_id:%d\r\n", s.cmd.Process.Pid)
	for deadline := time.Now().Add(Timeout); ; time.Sleep(5 * time.Millisecond) {
		info, err := s.Client.Info(context.Background(), "server").Result()
		if err == nil && strings.Contains(info, itself) {
			return
		}
		if time.Now().After(deadline) {
			s.Kill()
			s.t.Fatalf("redis-server does not answer: %v; it says:\n%s", err, log)
		}
	}
}

// run starts the process on a thread that lives as long as it does: the signal
// comes when the thread ends, not the test.
func (s *Server) run() error {
	cmd, ended, started := s.cmd, make(chan struct{}), make(chan error)
	s.ended = ended
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	return <-started
}

// Kill ends the server as a crash does.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil {
		return // it has not started
	}
	s.cmd.Process.Kill()
	<-s.ended
}

// Pause stops the server: it answers nothing, but its connections stay.
func (s *Server) Pause() { s.cmd.Process.Signal(stop) }

// Resume lets it go on: it carries out the commands that it got meanwhile.
func (s *Server) Resume() { s.cmd.Process.Signal(resume) }

// CutClients closes the connections of all clients, also of those that
// subscribe, apart from one of Client.
func (s *Server) CutClients() {
	s.t.Helper()
	s.Cut("normal")
	s.Cut("pubsub")
}

// Cut closes those of one type of CLIENT KILL: "normal", or "pubsub" for
// clients that subscribe.
func (s *Server) Cut(clients string) {
	s.t.Helper()
	if err := s.Client.Do(context.Background(), "CLIENT", "KILL", "TYPE", clients, "SKIPME", "yes").Err(); err != nil {
		s.t.Errorf("CLIENT KILL: %v", err)
	}
}
