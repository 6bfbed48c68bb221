package loop_test

import (
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// mute is an upper layer that does nothing.
type mute struct{}

func (mute) NewSession() *eio.Session               { return new(eio.Session) }
func (mute) Opened(*eio.Session)                    {}
func (mute) Message(*eio.Session, []byte, bool)     {}
func (mute) Closed(*eio.Session, eio.Reason, error) {}

// heapObjects is the memory of objects, those included that are not collected
// yet.
func heapObjects() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// TestMemoryGoesBackAfterAnAttack holds memory by messages without their end,
// over few connections, and leaves: what they held is collected though nothing
// else happens.
func TestMemoryGoesBackAfterAnAttack(t *testing.T) {
	const conns, size = 100, 1_000_000
	defer loop.HastenShrink(20 * time.Millisecond)()
	srv, err := eio.NewServer(eio.Config{Loops: 1, MaxReceiving: 1 << 30, Logger: slog.New(slog.DiscardHandler)}, mute{})
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, loop.Config{Loops: 1}, srv.Accept)
	runtime.GC()
	runtime.GC()
	before := heapObjects()
	var attackers []net.Conn
	head := append(binary.BigEndian.AppendUint64([]byte{0x82, 0x80 | 127}, size), 0, 0, 0, 0)
	part := make([]byte, size-1)
	for range conns {
		c := dial(t, e)
		attackers = append(attackers, c)
		if _, err := io.WriteString(c, eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket")); err != nil {
			t.Fatal(err)
		}
		c.Write(head)
		if _, err := c.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	held := func() int { return srv.ReceivingStats().Bytes }
	wait.Until(t, "all is held", func() bool { return held() == conns*size })
	if n := heapObjects() - before; n < conns*size {
		t.Fatalf("%d bytes are held, and the heap has grown by %d", held(), n)
	}
	for _, c := range attackers {
		c.Close()
	}
	wait.Until(t, "nothing is held", func() bool { return held() == 0 })
	wait.Until(t, "the memory is collected", func() bool { return heapObjects()-before < conns*size/4 })
}
