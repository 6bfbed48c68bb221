package eio

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// CORS says which pages of other origins may use the server from a browser. It
// governs polling and Static. It does not govern WebSockets, which browsers
// open to any origin: use [Config.Origins] for those. A request from an origin
// that is not allowed is served all the same; the browser keeps the answer from
// the page.
type CORS struct {
	// Origins are the allowed origins as browsers write them, such as
	// "https://example.com": in lower case and without a path. "*" allows all.
	// The default when nil are those of Config.Origins, or "*" without that.
	// Unless all are allowed the answer names the request's origin if it is
	// among them, or if AllowOrigin allows it, and has no
	// Access-Control-Allow-Origin for others.
	Origins []string
	// AllowOrigin, when set, decides instead of Origins. It runs on the loop
	// and must not block. An error refuses the request with code 3.
	AllowOrigin func(origin string) (bool, error)
	// Credentials lets pages send cookies.
	Credentials bool
	// Methods are what a preflight allows; GET, HEAD, PUT, PATCH, POST and
	// DELETE when nil.
	Methods []string
	// AllowedHeaders are the request headers that a preflight allows; when nil,
	// those that it asks for.
	AllowedHeaders []string
	// ExposedHeaders are the response headers that pages may read.
	ExposedHeaders []string
	// MaxAge is how long a browser may keep a preflight's answer; left out when
	// 0.
	MaxAge time.Duration
	// PreflightContinue hands preflights on to the engine, which refuses them,
	// or to a middleware.
	PreflightContinue bool
	// OptionsSuccessStatus is the status of a preflight's answer; 204 when 0.
	OptionsSuccessStatus int
}

// withDefaults refuses origins that no browser sends, and fills in what is not
// set. Without Origins those of Config.Origins apply, which are origins.
func (c *CORS) withDefaults(origins []string) error {
	if c.Origins != nil && len(c.Origins) == 0 {
		return errors.New(`eio: CORS.Origins is empty; leave it nil, or "*", for all origins`)
	}
	for _, o := range c.Origins {
		if o != "*" && o != "null" && !isOrigin(o) {
			return fmt.Errorf(`eio: CORS.Origins has %q; it must be "*", "null" or a scheme, a host and perhaps a port in lower case, such as "https://example.com"`, o)
		}
	}
	if c.Origins == nil && origins == nil {
		c.Origins = []string{"*"}
	}
	if c.Methods == nil {
		c.Methods = []string{"GET", "HEAD", "PUT", "PATCH", "POST", "DELETE"}
	}
	c.OptionsSuccessStatus = cmp.Or(c.OptionsSuccessStatus, http.StatusNoContent)
	return nil
}

// cors adds the fields of Config.CORS to the answer. It reports whether the
// request is answered, because it was a preflight or failed.
func (h *httpConn) cors(req *http1.Request) bool {
	c := h.home.srv.cfg.CORS
	preflight := string(req.Method) == http.MethodOptions
	fields, err := c.origin(string(req.Header("Origin")), h.home.srv.origins, &h.home.srv.hooks)
	if err != nil {
		h.refuseEngine(req, refuseRequest, ErrorContext{Name: "MIDDLEWARE_FAILURE", Err: err})
		return true
	}
	if c.Credentials {
		fields = append(fields, http1.Field{Name: "Access-Control-Allow-Credentials", Value: "true"})
	}
	if preflight {
		fields = c.preflight(fields, string(req.Header("Access-Control-Request-Headers")))
	}
	if len(c.ExposedHeaders) > 0 {
		fields = append(fields, http1.Field{Name: "Access-Control-Expose-Headers", Value: strings.Join(c.ExposedHeaders, ",")})
	}
	h.fields = append(h.fields, fields...)
	if !preflight || c.PreflightContinue {
		return false
	}
	h.last = h.last || req.HasBody()
	h.respond(c.OptionsSuccessStatus, "", nil)
	return true
}

// origin returns the fields of the answer that depend on the request's origin.
// of are those of Config.Origins.
func (c *CORS) origin(origin string, of *origins, hooks *hooks) ([]http1.Field, error) {
	const allow = "Access-Control-Allow-Origin"
	vary := http1.Field{Name: "Vary", Value: "Origin"}
	allowed := false
	switch {
	case c.AllowOrigin != nil:
		var err error
		if failure := hooks.await("CORS.AllowOrigin", func() { allowed, err = c.AllowOrigin(origin) }); failure != nil {
			err = failure
		}
		if err != nil {
			return nil, err
		}
	case c.Origins == nil:
		allowed = of.allows(origin)
	case slices.Contains(c.Origins, "*"):
		return []http1.Field{{Name: allow, Value: "*"}}, nil
	default:
		allowed = slices.Contains(c.Origins, origin)
	}
	if allowed && origin != "" {
		return []http1.Field{{Name: allow, Value: origin}, vary}, nil
	}
	return []http1.Field{vary}, nil
}

// preflight appends the fields that only the answer to a preflight has; asked
// are the headers that it asks for.
func (c *CORS) preflight(fields []http1.Field, asked string) []http1.Field {
	fields = append(fields, http1.Field{Name: "Access-Control-Allow-Methods", Value: strings.Join(c.Methods, ",")})
	if c.AllowedHeaders != nil {
		asked = strings.Join(c.AllowedHeaders, ",")
	} else {
		fields = append(fields, http1.Field{Name: "Vary", Value: "Access-Control-Request-Headers"})
	}
	if asked != "" {
		fields = append(fields, http1.Field{Name: "Access-Control-Allow-Headers", Value: asked})
	}
	if c.MaxAge > 0 {
		fields = append(fields, http1.Field{Name: "Access-Control-Max-Age", Value: strconv.Itoa(int(c.MaxAge.Seconds()))})
	}
	return fields
}
