package eio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"unicode/utf8"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// gate is a request that waits for the application's leave: it runs the
// middleware, or AllowRequest and GenerateID, on a goroutine and comes back to
// its loop with what they said. Like a foreignCall it is never shared between
// the two.
type gate struct {
	h       *httpConn
	turn    turn
	session *Session // that the request names; nil for none
	request *http.Request
	cancel  context.CancelFunc
	ask     func(*gate)                 // runs on the goroutine
	resume  func(*gate, *http1.Request) // goes on, on the loop
	head    []byte                      // a copy of the request's head, to be parsed again
	length  int64                       // of the body; -1 when it is not known
	answer  recorder                    // what a middleware has written
	verdict atomic.Int32                // of the middleware; decided once
	passed  bool                        // the middleware let the request through
	speaks  bool                        // the client's protocol is served, so it needs a sid
	sid     string                      // from GenerateID
	refusal refusal
	context ErrorContext
	err     error
}

// The verdicts of a middleware. It may call the next handler from another
// goroutine, also too late, as http.TimeoutHandler does.
const (
	undecided int32 = iota
	letThrough
	returned // without having let the request through
)

// pass is the gate's place in the request's context.
type pass struct{}

// chain makes one handler of the middleware; what it lets through is marked.
func chain(middleware []func(http.Handler) http.Handler) http.Handler {
	if len(middleware) == 0 {
		return nil
	}
	var handler http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.Context().Value(pass{}).(*gate).verdict.CompareAndSwap(undecided, letThrough)
	})
	for i := len(middleware) - 1; i >= 0; i-- {
		handler = middleware[i](handler)
	}
	return handler
}

// askMiddleware runs the engine's middleware.
func (h *httpConn) askMiddleware(req *http1.Request) {
	h.pass(req, "Config.Middleware", (*gate).runMiddleware, (*gate).afterMiddleware)
}

// askPermission asks the application whether a handshake is welcome, and for its sid.
func (h *httpConn) askPermission(req *http1.Request) {
	h.pass(req, "Config.AllowRequest or GenerateID", (*gate).runPermission, (*gate).afterPermission)
}

func (h *httpConn) pass(req *http1.Request, name string, ask func(*gate), resume func(*gate, *http1.Request)) {
	ctx, cancel := context.WithCancel(context.Background())
	q := parseQuery(req)
	g := &gate{
		h:       h,
		session: h.home.find(q.sid),
		cancel:  cancel,
		ask:     ask,
		resume:  resume,
		head:    append([]byte(nil), req.Head()...),
		length:  req.ContentLength,
		speaks:  q.v4 || h.home.srv.cfg.AllowEIO3,
	}
	var err error
	if g.request, err = h.httpRequest(context.WithValue(ctx, pass{}, g), req); err != nil {
		cancel()
		h.last = h.last || req.HasBody()
		h.respond(400, "", nil)
		return
	}
	h.exchange = g
	g.answer.header = make(http.Header)
	srv := h.home.srv
	srv.turns.start(&g.turn, func() {
		srv.hooks.run(name, func() { g.ask(g) }, g.asked, "target", g.request.RequestURI)
	})
}

// asked goes back to the loop, whichever way the application's function ended.
func (g *gate) asked(failure error) {
	g.passed = !g.verdict.CompareAndSwap(undecided, returned) && failure == nil
	if failure != nil {
		g.err, g.refusal, g.context = failure, refuseRequest, ErrorContext{}
	}
	g.cancel()
	g.h.home.loop.Post(g)
}

func (g *gate) complete(*httpConn, []byte) {}

func (g *gate) refused(*httpConn, error) {}

func (g *gate) aborted(h *httpConn) {
	g.cancel()
	h.home.srv.turns.withdraw(&g.turn)
}

func (g *gate) runMiddleware() {
	g.h.home.srv.middleware.ServeHTTP(&g.answer, g.request)
}

func (g *gate) afterMiddleware(req *http1.Request) {
	h := g.h
	switch {
	case g.err == http.ErrAbortHandler:
		h.destroy()
	case g.err != nil:
		h.refuseAny(req, refuseRequest, ErrorContext{Name: "MIDDLEWARE_FAILURE", Err: g.err})
	case g.passed:
		h.addHeaders(g.answer.header)
		h.admit(req, h.pending())
	case h.isUpgrade(req):
		h.destroy()
	default:
		h.last = h.last || req.HasBody()
		f := loop.NewFrame()
		f.B = g.answer.appendTo(f.B, h)
		h.send(f)
	}
}

func (g *gate) runPermission() {
	cfg := &g.h.home.srv.cfg
	if cfg.AllowRequest != nil {
		if g.err = cfg.AllowRequest(g.request); g.err != nil {
			g.refusal = refuseForbidden
			if !errors.Is(g.err, ErrForbidden) {
				g.refusal.message = g.err.Error()
			}
			return
		}
	}
	if cfg.GenerateID == nil || !g.speaks {
		return
	}
	g.sid, g.err = cfg.GenerateID(g.request)
	switch {
	case g.err != nil:
	case g.sid == "":
		g.err = errors.New("eio: GenerateID gave an empty id")
	case !utf8.ValidString(g.sid):
		g.err = fmt.Errorf("eio: GenerateID gave %q, which is not UTF-8: clients could not be told it", g.sid)
	}
	if g.err != nil {
		g.refusal = refuseRequest
		g.context.Name = "ID_GENERATION_ERROR"
	}
}

func (g *gate) afterPermission(req *http1.Request) {
	if g.err != nil {
		g.context.Err = g.err
		g.h.refuseAny(req, g.refusal, g.context)
		return
	}
	g.h.handshake(req, g.sid, g.h.pending())
}

// Run goes on with the request on its loop, unless the connection is gone.
func (g *gate) Run(*loop.Loop) {
	h := g.h
	if h.exchange != exchange(g) {
		return
	}
	h.exchange = nil
	finished := false
	defer h.closeUnless(&finished)
	req := &h.home.req
	req.Restore(g.head)
	h.consumes = true // what has arrived since is in use until resume returns
	g.resume(g, req)
	h.consumes = false
	finished = true
	h.Run(nil)
}

// pending is what has arrived behind the current request, borrowed.
func (h *httpConn) pending() []byte {
	if h.in == nil {
		return nil
	}
	return h.in.B[h.in.Start:]
}
