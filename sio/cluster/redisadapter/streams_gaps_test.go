package redisadapter_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// TestStreamsGaps takes entries away as failovers and restarts do, and cuts the
// connections at the same moment: what may have been lost is counted, and what
// comes then is read.
func TestStreamsGaps(t *testing.T) {
	for name, tc := range map[string]struct {
		lose string // in Lua, with the key and the newest entry
		gaps uint64
	}{
		"nothing": {`return`, 0},
		"latest":  {`redis.call('XDEL', KEYS[1], ARGV[1])`, 1},
		"all":     {`redis.call('DEL', KEYS[1])`, 1},
		"trimmed": {`redis.call('XADD', KEYS[1], 'MAXLEN', 1, '*', 'nonsense', '')`, 1},
		"clock": {`redis.call('DEL', KEYS[1])
			redis.call('XADD', KEYS[1], '1-1', 'nonsense', '')`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := redistest.Start(t)
			_, streams := keeper(t, r, redisadapter.StreamsConfig{})
			add(t, r, 3)
			wait.Until(t, "all is read", func() bool { return streams.Stats().Received == 3 })
			newest := r.Client.XRevRangeN(t.Context(), "socket.io", "+", "-", 1).Val()[0].ID
			lose := redis.NewScript(tc.lose)
			pipe := r.Client.TxPipeline()
			pipe.Do(t.Context(), "CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "yes")
			lose.Eval(t.Context(), pipe, []string{"socket.io"}, newest)
			if _, err := pipe.Exec(t.Context()); err != nil && err != redis.Nil {
				t.Fatal(err)
			}
			wait.Until(t, "the loss is counted", func() bool { return streams.Stats().Gaps == tc.gaps })
			add(t, r, 2)
			wait.Until(t, "what is new is read", func() bool { return streams.Stats().Received == 5 })
			if s := streams.Stats(); s.Gaps != tc.gaps {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestStreamsSilent has a reader that gets no answer at all, not even an empty
// one.
func TestStreamsSilent(t *testing.T) {
	r := redistest.Start(t)
	_, streams := keeper(t, r, redisadapter.StreamsConfig{BlockTime: 100 * time.Millisecond})
	r.Pause()
	untilStreams(t, streams, func(s redisadapter.StreamsStats) bool { return s.Lost == 1 })
	r.Resume()
	untilStreams(t, streams, func(s redisadapter.StreamsStats) bool { return s.Connected })
}

// cutReads is a connection that is lost with each read that waits.
type cutReads struct {
	net.Conn
	cut *atomic.Int32
}

func (c cutReads) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("\r\nblock\r\n")) {
		c.cut.Add(1)
		c.Close()
	}
	return c.Conn.Write(b)
}

// TestStreamsCutReads: what keeps cutting reads that wait, as some proxies do,
// is not asked all the time.
func TestStreamsCutReads(t *testing.T) {
	r := redistest.Start(t)
	cut := new(atomic.Int32)
	o := *r.Client.Options()
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return cutReads{c, cut}, err
	}
	client := redis.NewClient(&o)
	defer client.Close()
	streams, err := redisadapter.NewStreams(client, redisadapter.StreamsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer streams.Close()
	a := streams.Adapter(one{})
	defer a.Close()
	wait.Until(t, "it is read", func() bool { return cut.Load() > 0 })
	begun, before := time.Now(), cut.Load()
	time.Sleep(time.Second)
	if n, most := cut.Load()-before, int32(time.Since(begun)/(50*time.Millisecond)); n > most {
		t.Errorf("asked %d times, more than %d", n, most)
	}
}

// cutChecks is a connection that is lost with the next look at the newest
// entry, if there is one in left.
type cutChecks struct {
	net.Conn
	left, looks *atomic.Int32
}

func (c cutChecks) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("\r\nxrevrange\r\n")) {
		if c.left.Add(-1) >= 0 {
			c.Close()
		}
		c.looks.Add(1)
	}
	return c.Conn.Write(b)
}

// TestStreamsCutChecks: one broken connection is not Redis that is away, so
// packets keep their order; two in a row are.
func TestStreamsCutChecks(t *testing.T) {
	r := redistest.Start(t)
	left, looks := new(atomic.Int32), new(atomic.Int32)
	o := *r.Client.Options()
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return cutChecks{c, left, looks}, err
	}
	client := redis.NewClient(&o)
	defer client.Close()
	streams, err := redisadapter.NewStreams(client, redisadapter.StreamsConfig{BlockTime: 10 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer streams.Close()
	a := streams.Adapter(one{})
	defer a.Close()
	wait.Until(t, "the stream is read", func() bool { return streams.Stats().Connected })
	for cuts, lost := range []uint64{0, 0, 1} {
		left.Store(int32(cuts))
		before := looks.Load()
		wait.Until(t, "it is looked at again", func() bool { return looks.Load() > before+int32(cuts)+1 })
		if s := streams.Stats(); s.Lost != lost {
			t.Errorf("%d cuts: lost %d times, want %d", cuts, s.Lost, lost)
		}
	}
}
