"""Target of the ``verl.plugins`` entry point. verl only imports it, so importing it acts."""

from verl_cpu.platform import register

register()
