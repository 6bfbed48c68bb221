package loop

import (
	"io"
	"net"
	"testing"
	"time"
)

// leaver is a handler whose connection is detached with the first bytes.
type leaver struct{ left chan Detached }

func (h leaver) Data(c *Conn, _ []byte) { c.Detach(nil, func(d Detached) { h.left <- d }) }
func (leaver) Flushed(*Conn)            {}
func (leaver) Closed(*Conn, error)      {}

// TestDetachRefillsTheReserve: connections that have left in descriptors of the
// reserve have others put in their place.
func TestDetachRefillsTheReserve(t *testing.T) {
	h := leaver{make(chan Detached, 1)}
	e, err := Listen(Config{Addr: "127.0.0.1:0", Loops: 1}, func(*Conn) Handler { return h })
	if err != nil {
		t.Fatal(err)
	}
	defer e.Shutdown(t.Context())
	e.spares.close() // all were used
	c, err := net.Dial("tcp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "x")
	d := <-h.left
	if d.Err != nil {
		t.Fatal(d.Err)
	}
	d.Conn.Close()
	for deadline := time.Now().Add(10 * time.Second); len(e.spares) < cap(e.spares); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d descriptors are in reserve", len(e.spares), cap(e.spares))
		}
	}
}
