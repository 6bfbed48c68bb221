//go:build linux

package peer_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sioserver/sioserver/bench/benchtest"
	"github.com/sioserver/sioserver/bench/measure"
	"github.com/sioserver/sioserver/bench/peer"
)

func TestMain(m *testing.M) { benchtest.Main(m) }

func cores(t *testing.T) []int {
	all, err := measure.Cores()
	if err != nil {
		t.Fatal(err)
	}
	return all[:1]
}

func start(t *testing.T, p *peer.Peer) *peer.Process {
	servers, err := p.Start(cores(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.Stop)
	return servers.Nodes[0]
}

func TestStartAskStop(t *testing.T) {
	proc := start(t, benchtest.Peer(benchtest.Floor))
	if err := proc.Ended(); err != nil {
		t.Errorf("it runs, but: %v", err)
	}
	for _, collect := range []bool{false, true} {
		if heap, err := proc.AskHeap(collect); err != nil || heap.Used != 12345 {
			t.Errorf("heap %+v, %v", heap, err)
		}
	}
	for want := range 2 {
		stats, err := proc.AskStats()
		if err != nil || stats.Goroutines != 7 || stats.Counters["Inner.Asked"] != float64(want+1) {
			t.Errorf("stats %+v, %v", stats, err)
		}
	}
	if err := proc.Exhaust(time.Second); err != nil {
		t.Error(err)
	}
	if memory, err := measure.ReadMemory(proc.PID()); err != nil || memory.RSS == 0 {
		t.Errorf("memory %+v, %v", memory, err)
	}
	proc.Stop()
	select {
	case <-proc.Exited():
	default:
		t.Error("it still runs after Stop")
	}
}

func TestStartACluster(t *testing.T) {
	benchtest.NeedRedis(t)
	p := benchtest.Peer(benchtest.Floor)
	p.Cluster = true
	servers, err := p.Start(cores(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(servers.Stop)
	all := servers.All()
	if len(all) != 3 || all[0].Addr == all[1].Addr || all[2] != servers.Redis || all[2].Peer.Name != "redis-server" {
		t.Fatalf("%+v", all)
	}
	for _, node := range servers.Nodes {
		environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", node.PID()))
		if err != nil || !strings.Contains(string(environment), "REDIS_URL=redis://"+servers.Redis.Addr.String()+"\x00") {
			t.Errorf("a node is not told of Redis: %v", err)
		}
	}
	if err := servers.Ended(); err != nil {
		t.Errorf("all run, but: %v", err)
	}
	servers.Stop()
	for _, process := range all {
		if process.Ended() == nil {
			t.Errorf("%s still runs after Stop", process.Peer.Name)
		}
	}
}

func TestAClusterNeedsRedis(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := benchtest.Peer(benchtest.Floor)
	p.Cluster = true
	if _, err := p.Start(cores(t)); !errors.Is(err, peer.ErrNoRedis) {
		t.Errorf("%v", err)
	}
}

func TestANodeThatDiesEndsItsRedis(t *testing.T) {
	benchtest.NeedRedis(t)
	p := benchtest.Peer(benchtest.Dies)
	p.Cluster = true
	if _, err := p.Start(cores(t)); err == nil || !strings.Contains(err.Error(), "nothing to serve") {
		t.Errorf("%v", err)
	}
	threads, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(threads) == 0 {
		t.Fatalf("no list of child processes: %v", err)
	}
	for _, file := range threads {
		children, err := os.ReadFile(file)
		if err == nil && len(children) > 0 {
			t.Errorf("processes %s still run", children)
		}
	}
}

func TestNoFiguresOffered(t *testing.T) {
	p := benchtest.Peer(benchtest.Floor)
	p.Figures, p.Stats = false, false
	proc := start(t, p)
	if _, err := proc.AskHeap(false); !errors.Is(err, peer.ErrNoFigures) {
		t.Errorf("%v", err)
	}
	if _, err := proc.AskStats(); !errors.Is(err, peer.ErrNoFigures) {
		t.Errorf("%v", err)
	}
}

func TestAKilledServerSaysSo(t *testing.T) {
	proc := start(t, benchtest.Peer(benchtest.Floor))
	if err := syscall.Kill(proc.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-proc.Exited()
	if err := proc.Ended(); err == nil || !strings.Contains(err.Error(), "floor") || !strings.Contains(err.Error(), "killed") {
		t.Errorf("%v", err)
	}
	if _, err := proc.AskHeap(false); err == nil {
		t.Error("a dead server tells its heap")
	}
}

func TestAPortThatWasTakenIsReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "taken")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p := benchtest.Peer(benchtest.Late)
	p.Env[benchtest.Taken] = file
	start(t, p)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no port was refused, this test shows nothing: %v", err)
	}
}

func TestAPortThatIsAlwaysTakenIsAnError(t *testing.T) {
	p := &peer.Peer{Name: "unlucky", Command: []string{"sh", "-c", "echo listen EADDRINUSE 127.0.0.1:$PORT >&2; exit 1"}}
	_, err := p.Start(cores(t))
	if err == nil || !strings.Contains(err.Error(), "another process has taken the port") || !strings.Contains(err.Error(), "as were 4 others") {
		t.Errorf("%v", err)
	}
}

// The first server is slow to listen, and another process is faster: what
// accepts connections there is not the server.
func TestAPortOfAnotherProcessIsReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "port")
	p := benchtest.Peer(benchtest.Floor)
	p.Command = []string{"sh", "-c", fmt.Sprintf("test -e %[1]s && exec %[2]s; echo $PORT >%[1]s; exec sleep 100", file, p.Command[0])}
	taken := make(chan string)
	go func() {
		defer close(taken)
		for t.Context().Err() == nil {
			b, _ := os.ReadFile(file)
			if port, whole := strings.CutSuffix(string(b), "\n"); whole {
				l, err := net.Listen("tcp4", "127.0.0.1:"+port)
				if err != nil {
					t.Error(err)
					return
				}
				defer l.Close()
				taken <- port
				<-t.Context().Done()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	t.Cleanup(func() { <-taken })
	proc := start(t, p)
	if foreign := <-taken; fmt.Sprint(proc.Addr.Port()) == foreign {
		t.Errorf("port %s is another process's", foreign)
	}
	if heap, err := proc.AskHeap(false); err != nil || heap.Used != 12345 {
		t.Errorf("heap %+v, %v", heap, err)
	}
}

func TestAServerThatDiesAtOnceIsAnError(t *testing.T) {
	_, err := benchtest.Peer(benchtest.Dies).Start(cores(t))
	if err == nil || !strings.Contains(err.Error(), "exit status 1") || !strings.Contains(err.Error(), "nothing to serve") {
		t.Errorf("%v", err)
	}
}

func write(t *testing.T, text string) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "it.toml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLoadDir(t *testing.T) {
	peers, err := peer.LoadDir(write(t, "command = [\"it\"]\ncolor = \"#0a141e\"\ntransports = [\"websocket\"]\nwithout = [\"rooms\"]\n"))
	if err != nil {
		t.Fatal(err)
	}
	p := peers["it"]
	if c := p.RGBA(); p.Label != "it" || c.R != 10 || c.G != 20 || c.B != 30 || c.A != 255 {
		t.Errorf("%+v", p)
	}
	if _, ok := p.With("compression"); ok {
		t.Error("a feature that the file does not name is offered")
	}
	p.Features = map[string][]string{"compression": {"-deflate"}}
	with, ok := p.With("compression")
	if !ok || strings.Join(with.Command, " ") != "it -deflate" || len(p.Command) != 1 {
		t.Errorf("with compression: %v, without: %v", with, p)
	}
	if same, ok := p.With(""); !ok || same != p {
		t.Error("no feature is not offered")
	}
	joined := &peer.Peer{Cluster: true}
	if !joined.Offers("cluster", "websocket") || joined.Offers("echo", "websocket") || joined.Offers("link", "websocket") {
		t.Error("a server of clusters is for the kind cluster only")
	}
	joined.Features = map[string][]string{peer.Control: nil}
	if !joined.Offers("link", "websocket") {
		t.Error("a server of clusters that takes orders is not for the kind link")
	}
	for _, tc := range []struct {
		kind, transport string
		want            bool
	}{{"echo", "websocket", true}, {"echo", "polling", false}, {"rooms", "websocket", false}, {"cluster", "websocket", false}} {
		if got := p.Offers(tc.kind, tc.transport); got != tc.want {
			t.Errorf("%s over %s: %v", tc.kind, tc.transport, got)
		}
	}
}

func TestLoadDirRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"label = \"x\"": "command is missing",
		"command = [\"x\"]\ncolour = \"#000000\"": "colour",
		"command = [\"x\"]\ncolor = \"red\"":      `color = "red"`,
		"command = ":                              "it.toml",
	} {
		if _, err := peer.LoadDir(write(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := peer.LoadDir(t.TempDir()); err == nil {
		t.Error("an empty folder is accepted")
	}
}

func TestCommittedPeersAreValid(t *testing.T) {
	if _, err := peer.LoadDir(filepath.Join("..", "peers")); err != nil {
		t.Error(err)
	}
}

func TestReady(t *testing.T) {
	prepare := func(text string) error {
		peers, err := peer.LoadDir(write(t, "command = [\"x\"]\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		return peers["it"].Ready()
	}
	if err := prepare(`prepare = ["sh", "-c", "exit 3"]` + "\nneeds = \"./it.toml\""); err != nil {
		t.Errorf("what it needs is there, but: %v", err)
	}
	err := prepare(`prepare = ["sh", "-c", "echo no compiler >&2; exit 3"]`)
	if err == nil || !strings.Contains(err.Error(), "no compiler") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("%v", err)
	}
	if err := prepare(`prepare = ["sh", "-c", "touch {bin}/made && test -e bin/made"]`); err != nil {
		t.Error(err)
	}
}
