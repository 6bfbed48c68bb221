package sio

import (
	"fmt"
	"testing"
)

// BenchmarkReplay collects what a client in many rooms has missed, which holds
// the namespace's lock.
func BenchmarkReplay(b *testing.B) {
	for _, rooms := range []int{1, 8, 1000} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			srv, err := New(Config{Loops: 1, ConnectionStateRecovery: &Recovery{MaxBytes: 1 << 30}})
			if err != nil {
				b.Fatal(err)
			}
			defer srv.Close()
			lg := srv.Namespace.log
			ses := &session{}
			for i := range rooms {
				ses.enter(fmt.Sprintf("room %d", i), 0)
			}
			for i := range 60_000 {
				if err := srv.To(fmt.Sprintf("elsewhere %d", i%100)).Emit("e"); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if list := lg.missed(ses, lg.first); len(list) != 0 {
					b.Fatal(len(list))
				}
			}
		})
	}
}
