//go:build invariants

package loop_test

import (
	"strings"
	"testing"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

// TestReleasedFrame uses a frame, and the bytes of one, after its release.
func TestReleasedFrame(t *testing.T) {
	f := loop.NewFrame()
	f.B = append(f.B, "hello"...)
	kept := f.B
	f.Release()
	if strings.Contains(string(kept), "hello") {
		t.Errorf("what was kept of a released frame reads %q", kept)
	}
	defer func() {
		if recover() == nil {
			t.Error("a released frame could be retained")
		}
	}()
	f.Retain()
}

// keeper is a handler that keeps what it only borrowed.
type keeper struct{ b []byte }

func (k *keeper) Data(_ *loop.Conn, b []byte) { k.b = b }
func (k *keeper) Flushed(*loop.Conn)          {}
func (k *keeper) Closed(*loop.Conn, error)    {}

// TestKeptData keeps what Data borrows.
func TestKeptData(t *testing.T) {
	k := new(keeper)
	c := looptest.New(t).Connect(func(*loop.Conn) loop.Handler { return k })
	c.Feed([]byte("hello"))
	if len(k.b) != 5 || string(k.b) == "hello" {
		t.Errorf("what was kept of the data reads %q", k.b)
	}
}
