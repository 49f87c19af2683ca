"""Profiles: what to measure, and the trials it makes. Reading one starts nothing and touches nothing else."""

from loadlab.profile.load import RateStage
from loadlab.profile.loading import LoadedProfile, load_mapping, load_profile
from loadlab.profile.paths import profile_json_schema
from loadlab.profile.request import MixedRequest
from loadlab.profile.schema import LoadProfile, Profile, SwitchCostProfile, WaitCostProfile
from loadlab.profile.sweep import Trial, plan_trials
from loadlab.profile.validation.servers import OptionSpec, ServerSpec

__all__ = [
    "LoadProfile",
    "LoadedProfile",
    "MixedRequest",
    "OptionSpec",
    "Profile",
    "RateStage",
    "ServerSpec",
    "SwitchCostProfile",
    "Trial",
    "WaitCostProfile",
    "load_mapping",
    "load_profile",
    "plan_trials",
    "profile_json_schema",
]
