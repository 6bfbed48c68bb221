package interop

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/loop/looptest/wait"
)

// witness is a client that notes the numbers of the events that it gets.
type witness struct {
	mu  sync.Mutex
	got map[int][]int // by emitter, as they came
}

// watch connects a witness. It is closed with the test.
func watch(t *testing.T, addr string) *witness {
	t.Helper()
	c := eiotest.Dial(t, addr, "/socket.io/?EIO=4&transport=websocket")
	c.Text("40")
	w := &witness{got: make(map[int][]int)}
	connected := make(chan struct{})
	go func() {
		for c.SetReadDeadline(time.Now().Add(time.Minute)) == nil {
			f, err := c.ReadFrame()
			if err != nil {
				return // the test's end
			}
			switch text := string(f.Payload); {
			case text == "2":
				_, _ = c.Write(eiotest.AppendFrame(nil, 0x80|eiotest.OpText, []byte("3")))
			case strings.HasPrefix(text, "40"):
				close(connected)
			case strings.HasPrefix(text, "42"):
				w.note(t, f.Payload[2:])
			}
		}
	}()
	wait.For(t, "the connection", connected)
	return w
}

// note takes an event ["n", emitter, number].
func (w *witness) note(t *testing.T, event []byte) {
	var list []json.RawMessage
	var emitter, number int
	err := json.Unmarshal(event, &list)
	if err == nil && len(list) >= 3 {
		err = json.Unmarshal(list[1], &emitter)
		if err == nil {
			err = json.Unmarshal(list[2], &number)
		}
	}
	if err != nil || len(list) < 3 {
		t.Errorf("a client got %s: %v", event, err)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got[emitter] = append(w.got[emitter], number)
}

// of gives the numbers that came from an emitter.
func (w *witness) of(emitter int) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got[emitter])
}

// last is the highest number that came from an emitter; -1 when none did.
func (w *witness) last(emitter int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.got[emitter]) == 0 {
		return -1
	}
	return slices.Max(w.got[emitter])
}
