# Sourced by scripts that take packages of other suites of Debian than the installed one, without installing them.

# The mirror that this Debian is set up with.
debian_mirror() {
  apt-get indextargets --format '$(LABEL) $(REPO_URI)' 'Created-By: Packages' | sed -n 's/^Debian //p' | head -n 1
}

# apt-get and apt-cache with sources, preferences and a state of their own, in a folder, and with nothing installed:
# apt_in FOLDER COMMAND [ARGUMENT...]
apt_in() {
  local state=$1 command=$2
  shift 2
  "$command" -o "Dir::Etc::sourcelist=$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::Etc::preferences=$state/preferences" -o Dir::Etc::preferencesparts=/dev/null -o "Dir::State=$state" \
    -o Dir::State::status=/dev/null -o "Dir::Cache=$state/cache" -o "APT::Sandbox::User=$(id -un)" "$@"
}

# Makes such a folder anew, with the lists of these suites: apt_open FOLDER SUITE...
apt_open() {
  local state=$1 suite mirror
  shift
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || { echo 'no mirror of Debian among the sources of apt' >&2; return 1; }
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/debs"
  for suite; do echo "deb $mirror $suite main"; done >"$state/sources.list"
  apt_in "$state" apt-get update -qq
}
