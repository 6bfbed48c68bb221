// Package testing is an application with tests of each kind that docs/testing.md
// describes.
package testing

import (
	"context"
	"sync"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// quiz is the application's logic. It knows no sockets, so its tests need no
// server.
type quiz struct {
	limit time.Duration
	mu    sync.Mutex
	asked map[string]time.Time // by player
}

func newQuiz(limit time.Duration) *quiz {
	return &quiz{limit: limit, asked: make(map[string]time.Time)}
}

func (q *quiz) ask(player string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked[player] = time.Now()
	return "What is 6 times 7?"
}

func (q *quiz) answer(player, text string) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	at, ok := q.asked[player]
	delete(q.asked, player)
	switch {
	case !ok:
		return "not asked"
	case time.Since(at) > q.limit:
		return "too late"
	case text != "42":
		return "wrong"
	}
	return "right"
}

// serve registers the handlers, which only translate between the client and the
// logic.
func serve(srv *sio.Server, q *quiz) {
	sio.OnAck(srv, "ask", func(_ context.Context, s *sio.Socket, _ sio.None) (string, error) {
		return q.ask(s.ID()), nil
	})
	sio.OnAck(srv, "answer", func(_ context.Context, s *sio.Socket, text string) (string, error) {
		result := q.answer(s.ID(), text)
		return result, s.Broadcast().Emit("answered", result)
	})
}
