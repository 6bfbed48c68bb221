package testing

import (
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/docs/examples/internal/exampletest"
	"github.com/sioserver/sioserver/sio"
)

// TestAnswers needs no server, so its clock is synctest's.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		asked bool
		after time.Duration
		text  string
		want  string
	}{
		{"right", true, 9 * time.Second, "42", "right"},
		{"wrong", true, 0, "41", "wrong"},
		{"late", true, 11 * time.Second, "42", "too late"},
		{"not asked", false, 0, "42", "not asked"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQuiz(10 * time.Second)
				if c.asked {
					q.ask("ada")
				}
				time.Sleep(c.after)
				if got := q.answer("ada", c.text); got != c.want {
					t.Errorf("%q, want %q", got, c.want)
				}
			})
		})
	}
}

// start serves the application until the test ends, and returns its URL.
func start(t *testing.T) string {
	t.Helper()
	srv, err := sio.New(sio.Config{})
	if err != nil {
		t.Fatal(err)
	}
	serve(srv, newQuiz(time.Hour)) // what is tested
	handler, err := srv.Handler()
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(func() {
		srv.Close() // before web.Close, which waits for polls
		web.Close()
	})
	return web.URL
}

// TestOthersHearTheAnswer has two clients.
func TestOthersHearTheAnswer(t *testing.T) {
	url := start(t)
	ada, bob := connect(t, url), connect(t, url)
	ada.send(`421["ask"]`)
	if p := ada.next(); p != `431["What is 6 times 7?"]` {
		t.Errorf("asked with %s", p)
	}
	ada.send(`422["answer","42"]`)
	if p := ada.next(); p != `432["right"]` {
		t.Errorf("answered with %s", p)
	}
	if p := bob.next(); p != `42["answered","right"]` {
		t.Errorf("the other client got %s", p)
	}
}

// TestWithTheStockClient runs Node.
func TestWithTheStockClient(t *testing.T) {
	if got := exampletest.Stock(t, start(t), nil, "answer", "42"); got != `"not asked"` {
		t.Errorf("answered with %s", got)
	}
}
