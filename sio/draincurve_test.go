package sio_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// curve is when something has happened. Safe for concurrent use.
type curve struct {
	mu    sync.Mutex
	times []time.Duration // since the test began
}

func (c *curve) add(at time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.times = append(c.times, at)
}

// steepest is the largest number within a second.
func (c *curve) steepest() (most int) {
	slices.Sort(c.times)
	from := 0
	for to, at := range c.times {
		for at-c.times[from] > time.Second {
			from++
		}
		most = max(most, to-from+1)
	}
	return most
}

// String is the number of each second.
func (c *curve) String() string {
	var perSecond []int
	for _, at := range c.times {
		for len(perSecond) <= int(at/time.Second) {
			perSecond = append(perSecond, 0)
		}
		perSecond[at/time.Second]++
	}
	return strings.Trim(fmt.Sprint(perSecond), "[]")
}

// mover is a client that emits numbers, each again until it is acknowledged, and
// connects to the next server when its connection ends.
type mover struct {
	number int
	next   int // not acknowledged yet; owned by run
}

// run serves the client until its last server has ended its connection.
func (m *mover) run(servers []string) error {
	for i, addr := range servers {
		if err := m.stay(addr); err != nil {
			return fmt.Errorf("client %d at server %d: %w", m.number, i, err)
		}
	}
	return nil
}

// stay connects to one server and emits until the connection ends.
func (m *mover) stay(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, wait.Patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(eiotest.UpgradeRequest("/socket.io/?EIO=4&transport=websocket"))); err != nil {
		return err
	}
	in := bufio.NewReaderSize(conn, 512)
	head, err := http.ReadResponse(in, nil)
	if err != nil || head.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the handshake: %+v, %v", head, err)
	}
	send := func(message string) { _, _ = conn.Write(eiotest.AppendText(nil, message)) } // reading finds the end
	emit := func() { send(fmt.Sprintf(`42%d["count",%d,%d]`, m.next, m.number, m.next)) }
	var later *time.Timer
	defer func() {
		if later != nil {
			later.Stop()
		}
	}()
	for {
		frame, err := eiotest.ReadFrame(in)
		if err != nil || frame.Opcode() == eiotest.OpClose {
			return nil
		}
		switch message := string(frame.Payload); {
		case strings.HasPrefix(message, "0"):
			send("40")
		case strings.HasPrefix(message, "40"):
			emit()
		case message == fmt.Sprintf("43%d[]", m.next):
			m.next++
			later = time.AfterFunc(time.Duration(rand.Int64N(int64(4*time.Second))), emit)
		default:
			return fmt.Errorf("got %q", message)
		}
	}
}

// TestDrainMovesClients: the clients of one of two servers move to the other at
// the pace of Config.Drain, and what was acknowledged has been handled. With -v
// it prints the curves: how many left the first server and came to the second in
// each second.
func TestDrainMovesClients(t *testing.T) {
	clients, spread := 5000, 10*time.Second
	if cutSeldom || testing.Short() {
		clients, spread = 500, 2*time.Second
	}
	begin := time.Now()
	var handled sync.Map // client and number
	var left, came curve
	start := func(came, left *curve) *sio.Server {
		srv, err := sio.New(sio.Config{
			Loops: 2, PingInterval: time.Hour, Logger: slog.New(slog.DiscardHandler),
			Drain:   sio.Drain{Spread: spread},
			OnOpen:  func(*sio.Conn) { came.add(time.Since(begin)) },
			OnClose: func(*sio.Conn, sio.Reason) { left.add(time.Since(begin)) },
		})
		if err != nil {
			t.Fatal(err)
		}
		srv.On("count", func(_ context.Context, e *sio.Event) error {
			var client, number int
			if err := e.Bind(&client, &number); err != nil {
				return err
			}
			handled.Store([2]int{client, number}, true)
			return e.Ack()
		})
		if err := srv.Listen("127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = srv.Close() })
		return srv
	}
	a, b := start(new(curve), &left), start(&came, new(curve))
	addrs := []string{a.Addr().String(), b.Addr().String()}
	movers, results := make([]mover, clients), make(chan error, clients)
	var connecting atomic.Int64
	for i := range movers {
		movers[i].number = i
		go func() { results <- movers[i].run(addrs) }()
		connecting.Add(1)
		if i%100 == 99 { // the kernel's queue has room for so many
			wait.Until(t, "clients at the first server", func() bool { return a.Len() >= int(connecting.Load())-100 })
		}
	}
	wait.UntilWithin(t, 2*wait.Patience, "all clients at the first server", func() bool { return a.Len() == clients })
	drained := time.Since(begin)
	if err := a.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	took := time.Since(begin) - drained
	wait.UntilWithin(t, 2*wait.Patience, "all clients at the second server", func() bool { return b.Len() == clients })
	_ = b.Close()
	for range clients {
		if err := wait.For(t, "end of a client", results); err != nil {
			t.Fatal(err)
		}
	}
	acknowledged := 0
	for i := range movers {
		for number := range movers[i].next {
			if _, ok := handled.Load([2]int{i, number}); !ok {
				t.Fatalf("number %d of client %d was acknowledged and not handled", number, i)
			}
			acknowledged++
		}
		if movers[i].next == 0 {
			t.Errorf("client %d got no acknowledgement", i)
		}
	}
	pace := int(float64(clients) / spread.Seconds())
	// Two loops, each with 50 ms of slack, two sessions of rounding, and a
	// burst of sessions whose turn came together.
	if most := left.steepest(); most > pace*115/100+2*(2+2) {
		t.Errorf("%d clients left within a second, the pace is %d", most, pace)
	}
	t.Logf("%d clients moved in %v; %d events were acknowledged", clients, took.Round(time.Millisecond), acknowledged)
	t.Logf("left in each second, at most %d in any:     %v", left.steepest(), &left)
	t.Logf("connected in each second, at most %d in any: %v", came.steepest(), &came)
}
