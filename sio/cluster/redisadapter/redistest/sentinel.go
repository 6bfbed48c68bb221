package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// MasterName is what a [Sentinel] calls its master.
const MasterName = "main"

// downAfter is how long a master is silent before it is replaced: longer than
// one that has to wait for a processor.
const downAfter = time.Second

// Sentinel is a Redis Sentinel of one test. It watches a master and its
// replica, and decides alone to replace the master.
type Sentinel struct {
	Addr            string // host:port
	Master, Replica *Server

	t      testing.TB
	client *redis.SentinelClient
}

// StartSentinel starts a master, a replica and a Sentinel, and waits until the
// replica has everything and the Sentinel knows of it.
func StartSentinel(t testing.TB) *Sentinel {
	t.Helper()
	// The replica gets everything at once instead of in five seconds.
	s := &Sentinel{Master: Start(t, "--repl-diskless-sync-delay", "0"), t: t}
	host, port, _ := net.SplitHostPort(s.Master.Addr)
	s.Replica = Start(t, "--replicaof", host+" "+port)
	s.await("the replica follows", func() bool {
		info := s.Replica.Client.Info(context.Background(), "replication").Val()
		return strings.Contains(info, "master_link_status:up")
	})

	server := newServer(t)
	s.Addr = server.Addr
	file := filepath.Join(server.dir, "sentinel.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, `sentinel monitor %[1]s %[2]s %[3]s 1
sentinel down-after-milliseconds %[1]s %[4]d
sentinel failover-timeout %[1]s 5000
`, MasterName, host, port, downAfter.Milliseconds()), 0o600); err != nil {
		t.Fatal(err)
	}
	server.config = []string{file, "--sentinel"}
	server.Start()
	s.client = redis.NewSentinelClient(&redis.Options{Addr: s.Addr})
	t.Cleanup(func() { s.client.Close() })
	s.await("the Sentinel knows the replica", func() bool {
		list := s.client.Replicas(context.Background(), MasterName).Val()
		return len(list) == 1 && list[0]["flags"] == "slave" && list[0]["master-link-status"] == "ok"
	})
	return s
}

// Client is one that asks the Sentinel for the master.
func (s *Sentinel) Client() *redis.Client {
	client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: MasterName, SentinelAddrs: []string{s.Addr}})
	s.t.Cleanup(func() { client.Close() })
	return client
}

// Failover has the Sentinel replace the master, which is well, by the replica.
// The former master goes on as one until the Sentinel makes it a replica, ten
// seconds later.
func (s *Sentinel) Failover() {
	s.t.Helper()
	if err := s.client.Failover(context.Background(), MasterName).Err(); err != nil {
		s.t.Errorf("SENTINEL FAILOVER: %v", err)
	}
}

// AwaitPromotion waits until the Sentinel names the replica to clients as the
// master.
func (s *Sentinel) AwaitPromotion() {
	s.t.Helper()
	s.await("the replica is the master", func() bool {
		addr := s.client.GetMasterAddrByName(context.Background(), MasterName).Val()
		return len(addr) == 2 && net.JoinHostPort(addr[0], addr[1]) == s.Replica.Addr
	})
}

// await waits for cond, which includes a Sentinel that was not scheduled for a
// while and therefore does nothing for 30 seconds.
func (s *Sentinel) await(what string, cond func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(Timeout); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("after %v it does not hold: %s", Timeout, what)
		}
	}
}
