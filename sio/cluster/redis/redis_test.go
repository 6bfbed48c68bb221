package redis_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// server is a real redis-server.
type server struct {
	t      testing.TB
	addr   string
	dir    string
	args   []string
	cmd    *exec.Cmd
	client *goredis.Client
}

// startRedis starts a redis-server of the test's own, which keeps nothing on disk
// unless args say so.
func startRedis(t testing.TB, args ...string) *server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("there is no redis-server")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, addr: l.Addr().String(), dir: t.TempDir(), args: args}
	l.Close()
	s.client = goredis.NewClient(&goredis.Options{Addr: s.addr})
	s.start()
	t.Cleanup(func() {
		s.client.Close()
		s.kill()
	})
	return s
}

func (s *server) start() {
	s.t.Helper()
	_, port, _ := net.SplitHostPort(s.addr)
	args := append([]string{"--port", port, "--bind", "127.0.0.1", "--dir", s.dir, "--save", ""}, s.args...)
	s.cmd = exec.Command("redis-server", args...)
	s.cmd.Stderr = os.Stderr
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if s.client.Ping(context.Background()).Err() == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("redis-server does not answer")
		}
	}
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

func (s *server) pause()  { s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *server) resume() { s.cmd.Process.Signal(syscall.SIGCONT) }

// cutClients closes the connections of all clients.
func (s *server) cutClients() {
	if err := s.client.Do(context.Background(), "CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "yes").Err(); err != nil {
		s.t.Error(fmt.Errorf("CLIENT KILL: %w", err))
	}
}
