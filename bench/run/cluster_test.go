//go:build linux

package run_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sioserver/sioserver/bench/benchtest"
	"github.com/sioserver/sioserver/bench/peer"
	"github.com/sioserver/sioserver/bench/result"
	"github.com/sioserver/sioserver/bench/run"
)

const inCluster = "kind = \"cluster\"\nclients = 20\nin_flight = 4\nwarmup = \"30ms\"\nduration = \"100ms\"\n"

// joined is this repository's server, to be started as a cluster.
var joined = sync.OnceValues(func() (*peer.Peer, error) {
	peers, err := peer.LoadDir(filepath.Join("..", "peers"))
	if err != nil {
		return nil, err
	}
	p := peers["sioserver-streams"]
	return p, p.Ready()
})

func startCluster(t *testing.T, p *peer.Peer) *peer.Servers {
	benchtest.NeedRedis(t)
	servers, err := p.Start(cores(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.Stop)
	return servers
}

func startJoined(t *testing.T) *peer.Servers {
	p, err := joined()
	if err != nil {
		t.Fatal(err)
	}
	return startCluster(t, p)
}

func TestCluster(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		deliveries float64 // of one message at the other server
	}{
		{"everybody", inCluster, 20},
		{"rooms", inCluster + "rooms = 10\n", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			record, err := run.Run(t.Context(), profile(t, tc.file), startJoined(t), silent)
			if err != nil {
				t.Fatal(err)
			}
			f := record.Figures
			if f["units"] < tc.deliveries || int(f["units"])%int(tc.deliveries) != 0 || f["rate_per_s"] <= 0 || f["p50_us"] <= 0 {
				t.Errorf("figures %v", f)
			}
			if diff := f["sender_us"] + f["receiver_us"] - f["cpu_us"]; f["sender_us"] <= 0 || f["receiver_us"] <= 0 || diff*diff > 1 {
				t.Errorf("the servers apart are not the servers together: %v", f)
			}
			if diff := f["redis_us"]*tc.deliveries - f["redis_message_us"]; f["redis_us"] <= 0 || diff*diff > 1 {
				t.Errorf("Redis a delivery, and a message: %v", f)
			}
		})
	}
}

func TestServersThatDoNotJoin(t *testing.T) {
	t.Parallel()
	p := benchtest.Peer(benchtest.Floor)
	p.Cluster = true
	_, err := run.Run(t.Context(), profile(t, inCluster), startCluster(t, p), silent)
	if err == nil || !strings.Contains(err.Error(), "have not joined: 1 of 21 clients") {
		t.Errorf("%v", err)
	}
}

func TestAClusterThatLosesAServerSaysWhich(t *testing.T) {
	for index, name := range []string{"sender", "receiver", "Redis"} {
		t.Run(name, func(t *testing.T) {
			servers := startJoined(t)
			victim := servers.All()[index]
			kill := sync.OnceFunc(func() { _ = syscall.Kill(victim.PID(), syscall.SIGKILL) })
			during := func(what string, _, _ int) {
				if what == "messages" {
					kill()
				}
			}
			_, err := run.Run(t.Context(), profile(t, inCluster), servers, during)
			want := fmt.Sprintf("the server %s (pid %d) ended by itself: signal: killed", victim.Peer.Name, victim.PID())
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWithoutRedisClustersAreLeftOut(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := exec.LookPath("redis-server"); err == nil {
		t.Fatal("there is a redis-server all the same")
	}
	var records []result.Record
	s := run.Series{Record: func(r result.Record) error { records = append(records, r); return nil }}
	if err := s.Do(t.Context(), profile(t, inCluster)); err != nil {
		t.Error(err)
	}
	if len(records) != 1 || records[0].Type != result.Skip || records[0].Profile != "test" || !strings.Contains(records[0].Error, "redis-server") {
		t.Errorf("%+v", records)
	}
	s.Strict = true
	if err := s.Do(t.Context(), profile(t, inCluster)); err == nil || !strings.Contains(err.Error(), "nothing may be left out") {
		t.Errorf("%v", err)
	}
}
