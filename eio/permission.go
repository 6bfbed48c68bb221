package eio

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// askPermission asks the application whether it accepts a handshake, and for
// the sid.
func (h *httpConn) askPermission(req *http1.Request) {
	h.suspend(req, "Config.AllowRequest or GenerateID", (*suspendedRequest).runPermission, (*suspendedRequest).afterPermission)
}

func (sr *suspendedRequest) runPermission() {
	cfg := &sr.h.home.srv.cfg
	if cfg.AllowRequest != nil {
		if sr.err = cfg.AllowRequest(sr.request); sr.err != nil {
			sr.refusal = refuseForbidden
			if !errors.Is(sr.err, ErrForbidden) {
				sr.refusal.message = sr.err.Error()
			}
			return
		}
	}
	if cfg.GenerateID == nil || !sr.speaks {
		return
	}
	sr.sid, sr.err = cfg.GenerateID(sr.request)
	switch {
	case sr.err != nil:
	case sr.sid == "":
		sr.err = errors.New("eio: Config.GenerateID returned an empty id")
	case !utf8.ValidString(sr.sid):
		sr.err = fmt.Errorf("eio: Config.GenerateID returned %q, which is not UTF-8 and so can't be sent to clients", sr.sid)
	}
	if sr.err != nil {
		sr.refusal = refuseRequest
		sr.context.Name = "ID_GENERATION_ERROR"
	}
}

func (sr *suspendedRequest) afterPermission(req *http1.Request) {
	if sr.err != nil {
		sr.context.Err = sr.err
		sr.h.refuseAny(req, sr.refusal, sr.context)
		return
	}
	sr.h.handshake(req, sr.sid, sr.h.pending())
}
