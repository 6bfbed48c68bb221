package settings

import (
	"errors"
	"flag"
	"fmt"
	"regexp"
	"strings"
)

// tables are the names with which the flags of tables begin.
var tables = []string{"cors", "cookie", "recovery", "compression", "tls", "drain", "limits"}

// key returns the key of a flag in the file.
func key(name string) string {
	for _, table := range tables {
		if rest, ok := strings.CutPrefix(name, table+"-"); ok {
			return table + "." + rest
		}
	}
	return name
}

// given reports whether the command line has the flag.
func (c *Command) given(name string) (found bool) {
	c.Flags.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// locate has an error about a value of the file name the file.
func (c *Command) locate(err error) error {
	var w *wrong
	if c.File == "" || !errors.As(err, &w) || c.given(w.name) {
		return err
	}
	return fmt.Errorf("%s: invalid value %q for %s: %s", c.File, fmt.Sprint(w.value), key(w.name), w.must)
}

// field is a field of a Config at the beginning of an error.
var field = regexp.MustCompile(`^[a-z]+: (?:Config\.)?((?:Recovery\.|CORS\.|Cookie\.)?[A-Z]\w*) (?:is|are|has) `)

// Explain has an error of sio.New name a setting instead of a field of Config,
// if there is one.
func (c *Command) Explain(err error) error {
	m := field.FindStringSubmatchIndex(err.Error())
	if m == nil {
		return err
	}
	name := kebab(err.Error()[m[2]:m[3]])
	if c.Flags.Lookup(name) == nil {
		return err
	}
	where := "flag -" + name
	if c.File != "" && !c.given(name) {
		where = c.File + ": " + key(name)
	}
	return errors.New(where + err.Error()[m[3]:])
}

var words = regexp.MustCompile(`([a-z])([A-Z])|([A-Z])([A-Z][a-z])`)

// kebab returns the flag of a field: max-http-buffer-size for
// MaxHTTPBufferSize.
func kebab(field string) string {
	field = strings.ReplaceAll(field, ".", "-")
	for words.MatchString(field) {
		field = words.ReplaceAllString(field, "$1$3-$2$4")
	}
	return strings.ToLower(field)
}
