package eio

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Cookie describes the cookie that the answer to a polling handshake sets to
// the session's sid, for load balancers that route by it. The zero value is
// "io=<sid>; Path=/; HttpOnly; SameSite=Lax".
type Cookie struct {
	Name     string        // "io" when empty
	Domain   string        // left out when empty
	Path     string        // "/" when empty
	NoPath   bool          // leaves the attribute Path out
	MaxAge   time.Duration // in whole seconds; left out when 0
	Expires  time.Time     // left out when zero
	Script   bool          // lets scripts read it: leaves HttpOnly out
	Secure   bool          // sent over HTTPS only
	SameSite http.SameSite // Lax when 0
}

func (c *Cookie) withDefaults() {
	c.Name, c.Path = cmp.Or(c.Name, "io"), cmp.Or(c.Path, "/")
}

// value returns the Set-Cookie field for sid, with the attributes in the
// reference's order. What a cookie's value can't have is escaped as in a URL;
// only sids of Config.GenerateID have such characters.
func (c *Cookie) value(sid string) string {
	s := c.Name + "=" + strings.ReplaceAll(url.QueryEscape(sid), "+", "%20")
	if c.MaxAge != 0 {
		s += "; Max-Age=" + strconv.Itoa(int(c.MaxAge.Seconds()))
	}
	if c.Domain != "" {
		s += "; Domain=" + c.Domain
	}
	if !c.NoPath {
		s += "; Path=" + c.Path
	}
	if !c.Expires.IsZero() {
		s += "; Expires=" + c.Expires.UTC().Format(http.TimeFormat)
	}
	if !c.Script {
		s += "; HttpOnly"
	}
	if c.Secure {
		s += "; Secure"
	}
	switch c.SameSite {
	case http.SameSiteStrictMode:
		return s + "; SameSite=Strict"
	case http.SameSiteNoneMode:
		return s + "; SameSite=None"
	default:
		return s + "; SameSite=Lax"
	}
}
