//go:build unix

package redisadapter

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio/cluster/redisadapter/redistest"
)

// pausedAddr names Redis for a process of TestChannelsPaused.
const pausedAddr = "SIO_TEST_PAUSED_ADDR"

func init() {
	if addr := os.Getenv(pausedAddr); addr != "" {
		runPaused(addr)
		os.Exit(0)
	}
}

// runPaused sends back what comes by the channel "to", and numbers in between,
// until it must end.
func runPaused(addr string) {
	client := ownClient(redis.NewClient(&redis.Options{Addr: addr}))
	c := newChannels(client, channelsConfig{logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	end := make(chan struct{})
	r := &receiver{func(_ string, payload []byte) {
		if string(payload) == "end" {
			close(end)
			return
		}
		_ = c.publish("from", payload)
	}}
	c.subscribe(r, "to")
	if err := c.awaitSubscribed(context.Background(), "to"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for n := 0; ; n++ {
		select {
		case <-end:
			s := c.stats()
			_ = c.publish("end", fmt.Appendf(nil, "%d %d %d", n, s.disconnects, s.lost))
			c.close()
			return
		default:
			_ = c.publish("number", fmt.Append(nil, n))
			time.Sleep(time.Millisecond)
		}
	}
}

// TestChannelsPaused stops a process, for longer than silence may be, while
// messages come for it and while it waits for answers: it has lost none when it
// goes on.
func TestChannelsPaused(t *testing.T) {
	const pauses, messages = 2, 2000
	pause := 5 * time.Second
	if d, err := time.ParseDuration(os.Getenv("PAUSE")); err == nil {
		pause = d
	}
	r := redistest.Start(t)
	a := testChannels(t, r.Client, false)
	a.listen(t, "from", "number", "end")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), pausedAddr+"="+r.Addr)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	numbers, back := 0, 0
	// take takes one message, and checks that none before it is missing.
	take := func() (channel, payload string) {
		t.Helper()
		m := wait.For(t, "a message", a.came)
		if _, err := fmt.Sscan(m, &channel, &payload); channel != "end" && err != nil {
			t.Fatalf("%q: %v", m, err)
		}
		switch n, _ := strconv.Atoi(payload); channel {
		case "number":
			if n != numbers {
				t.Fatalf("number %d comes instead of %d", n, numbers)
			}
			numbers++
		case "from":
			if n != back {
				t.Fatalf("message %d comes back instead of %d", n, back)
			}
			back++
		case "end":
			payload = m[len("end "):]
		}
		return channel, payload
	}
	for range pauses {
		for start := numbers; numbers < start+100; {
			take()
		}
		_ = cmd.Process.Signal(syscall.SIGSTOP)
		for i := range messages / pauses {
			time.Sleep(pause / (messages / pauses))
			a.send(t, "to", fmt.Sprint(back+i))
		}
		_ = cmd.Process.Signal(syscall.SIGCONT)
		for want := back + messages/pauses; back < want; {
			take()
		}
	}
	a.send(t, "to", "end")
	var last string
	for channel := ""; channel != "end"; {
		channel, last = take()
	}
	if want := fmt.Sprint(numbers, 0, 0); last != want {
		t.Errorf("numbers, disconnects and losses are %s, want %s", last, want)
	}
}
