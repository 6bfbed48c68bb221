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
			sr.refusal = forbiddenBy(sr.err)
			return
		}
	}
	sr.outer = sr.with(sr.request.Context())
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
		sr.details.Name = "ID_GENERATION_ERROR"
	}
}

func (sr *suspendedRequest) afterPermission(req *http1.Request) {
	if sr.err != nil {
		sr.details.Err = sr.err
		if e := (*HTTPError)(nil); errors.As(sr.err, &e) {
			sr.h.addHeaders(e.Header)
		}
		sr.h.refuseAny(req, sr.refusal, sr.details)
		return
	}
	sr.h.handshake(req, sr.sid, sr.h.pending())
}
