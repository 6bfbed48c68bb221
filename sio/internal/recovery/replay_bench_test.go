package recovery

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkReplay collects what a client in many rooms has missed, which the
// caller does with its lock held.
func BenchmarkReplay(b *testing.B) {
	for _, rooms := range []int{1, 8, 1000} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			l := New[string](Limits{MaxAge: time.Minute, MaxPackets: 1 << 20, MaxBytes: 1 << 30, MaxSessions: 1}, &Budget{MaxBytes: 1 << 40, MaxSessions: 1 << 20}, Hooks[int]{
				Retain: func(p int) int { return p }, Release: func(int) {},
			})
			ses := &Session[string, int]{}
			for i := range rooms {
				ses.enter(fmt.Sprintf("room %d", i), 0)
			}
			for i := range 60_000 {
				l.Keep(0, l.Last().Next(1), Packet[int]{Rooms: []string{fmt.Sprintf("elsewhere %d", i%100)}})
			}
			for b.Loop() {
				if list := l.missed(nil, ses, l.first); len(list) != 0 {
					b.Fatal(len(list))
				}
			}
		})
	}
}
