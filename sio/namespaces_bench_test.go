package sio

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/sioserver/sioserver/eio/eiotest"
)

// BenchmarkNamespaces is the making of one more namespace when there are n, and
// its end: the same for all n.
func BenchmarkNamespaces(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			srv, err := New(Config{Loops: 2})
			if err != nil {
				b.Fatal(err)
			}
			srv.OfPattern(regexp.MustCompile("^/d"))
			for i := range n {
				srv.Of(fmt.Sprint("/d", i))
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := srv.Of("/dynamic").Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkJoinNamespace is a CONNECT to a namespace that is there, and the
// leave.
func BenchmarkJoinNamespace(b *testing.B) {
	m := inMemory(b, func(srv *Server) { srv.Of("/room") })
	c := m.join(b)
	c.Forget()
	join, leave := eiotest.AppendText(nil, "40/room,"), eiotest.AppendText(nil, "41/room,")
	b.ReportAllocs()
	for b.Loop() {
		c.Feed(join)
		m.loops.Run()
		c.Feed(leave)
		m.loops.Run()
	}
}
